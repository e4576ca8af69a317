// Package uitest holds the checks that every bundle of the console passes.
package uitest

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"granary/internal/console/ui"
)

var (
	// keyInTemplate finds {{t "key" …}} and (t "key" …).
	keyInTemplate = regexp.MustCompile(`[{(\s]t "([a-z0-9_.]+)"`)
	// prefixInTemplate finds keys made at run time: t (printf "state.%s" .State).
	prefixInTemplate = regexp.MustCompile(`t \(printf "([a-z0-9_.]+)%s"`)
	// keyInGo finds l.T("key", …), also with a prefix: l.T("state." + s).
	keyInGo = regexp.MustCompile(`\.T\("([a-z0-9_.]+)"`)
	// keyLiteral finds any text in Go that has the shape of a key.
	keyLiteral = regexp.MustCompile(`"([a-z0-9_]+\.[a-z0-9_]+)"`)
	place      = regexp.MustCompile(`\{[0-9]\}`)
)

// CheckMessages proves that both languages have the same keys with the same
// places, that the templates of files and the Go code in folder use only known
// keys, and that no message is unused. shared are bundles whose messages the
// templates may use too.
func CheckMessages(t *testing.T, files fs.FS, folder string, shared ...fs.FS) {
	t.Helper()
	own := checkPair(t, files)
	known := map[string]bool{}
	for key := range own {
		known[key] = true
	}
	for _, other := range shared {
		messages, err := ui.ReadMessages(other, "en")
		if err != nil {
			t.Fatal(err)
		}
		for key := range messages {
			known[key] = true
		}
	}
	used, prefixes := usedKeys(t, files, folder, known)
	prefixes = append(prefixes, "job.") // job kinds in words, read by the shell
	for _, key := range used {
		if !known[key] {
			t.Errorf("message %q is used but has no text", key)
		}
	}
	for key := range own {
		dynamic := slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(key, p) })
		if !dynamic && !slices.Contains(used, key) {
			t.Errorf("message %q is never used", key)
		}
	}
}

func checkPair(t *testing.T, files fs.FS) map[string]ui.Message {
	t.Helper()
	en, err := ui.ReadMessages(files, "en")
	if err != nil {
		t.Fatal(err)
	}
	fr, err := ui.ReadMessages(files, "fr")
	if err != nil {
		t.Fatal(err)
	}
	for key := range fr {
		if _, ok := en[key]; !ok {
			t.Errorf("message %q exists in French only", key)
		}
	}
	for key, m := range en {
		other, ok := fr[key]
		if !ok {
			t.Errorf("message %q has no French text", key)
			continue
		}
		if got, want := places(other.Other), places(m.Other); !slices.Equal(got, want) {
			t.Errorf("places of message %q in French = %v, want %v", key, got, want)
		}
		if other.Other == "" || m.Other == "" {
			t.Errorf("message %q is empty", key)
		}
	}
	return en
}

func places(text string) []string {
	found := place.FindAllString(text, -1)
	slices.Sort(found)
	return slices.Compact(found)
}

// usedKeys collects keys from templates and Go files. Text in Go that merely
// looks like a key counts only when it is one.
func usedKeys(t *testing.T, files fs.FS, folder string, known map[string]bool) (used, prefixes []string) {
	t.Helper()
	templates, err := fs.Glob(files, "templates/*.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range templates {
		data, err := fs.ReadFile(files, name)
		if err != nil {
			t.Fatal(err)
		}
		used = append(used, groups(keyInTemplate, data)...)
		prefixes = append(prefixes, groups(prefixInTemplate, data)...)
	}
	sources, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range sources {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range groups(keyInGo, data) {
			if strings.HasSuffix(key, ".") || strings.HasSuffix(key, "_") {
				prefixes = append(prefixes, key)
			} else {
				used = append(used, key)
			}
		}
		for _, key := range groups(keyLiteral, data) {
			if known[key] {
				used = append(used, key)
			}
		}
	}
	return used, prefixes
}

func groups(re *regexp.Regexp, data []byte) []string {
	var out []string
	for _, m := range re.FindAllSubmatch(data, -1) {
		out = append(out, string(m[1]))
	}
	return out
}
