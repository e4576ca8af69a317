package uitest

import (
	"io/fs"
	"regexp"
	"testing"
)

// forbidden is markup that the content security policy would refuse: inline
// handlers, styles and scripts, and addresses outside the server.
var forbidden = regexp.MustCompile(`(?i)\s(style|on[a-z]+)=|<style|<script(?:>| type="[a-z/]+">)|(?:src|href|action)="(?:https?:)?//|javascript:`)

// CheckMarkup proves that no template of files needs an inline script or
// style or anything from outside.
func CheckMarkup(t *testing.T, files fs.FS) {
	t.Helper()
	templates, err := fs.Glob(files, "templates/*.html")
	if err != nil || len(templates) == 0 {
		t.Fatalf("no templates: %v", err)
	}
	for _, name := range templates {
		data, err := fs.ReadFile(files, name)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range forbidden.FindAllString(string(data), -1) {
			t.Errorf("%s contains %q", name, found)
		}
	}
}
