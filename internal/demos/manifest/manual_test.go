package manifest_test

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"granary/internal/demos/manifest"
)

// TestManualListsEveryKey compares the tables of docs/apps.md with what a
// manifest may have.
func TestManualListsEveryKey(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/apps.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(page)
	start, parameters := strings.Index(text, "\n## app.yaml\n"), strings.Index(text, "\nOf a parameter:\n")
	if start < 0 || parameters < start {
		t.Fatal("docs/apps.md has no section about app.yaml, or none about parameters")
	}
	if diff := cmp.Diff(keys(reflect.TypeFor[manifest.Manifest](), ""), rows(text[start:parameters])); diff != "" {
		t.Errorf("keys of a manifest (-struct +docs/apps.md):\n%s", diff)
	}
	if diff := cmp.Diff(keys(reflect.TypeFor[manifest.Parameter](), ""), rows(text[parameters:])); diff != "" {
		t.Errorf("keys of a parameter (-struct +docs/apps.md):\n%s", diff)
	}
}

// keys lists a struct's keys, sorted, with those of the structs in it. What a
// parameter or a built-in model has is told apart.
func keys(typ reflect.Type, prefix string) []string {
	var found []string
	for i := range typ.NumField() {
		field := typ.Field(i)
		name := field.Tag.Get("yaml")
		if name == "-" {
			continue
		}
		inner := field.Type
		for inner.Kind() == reflect.Pointer || inner.Kind() == reflect.Slice {
			inner = inner.Elem()
		}
		switch {
		case inner.Kind() != reflect.Struct || inner == reflect.TypeFor[manifest.Model]() || inner == reflect.TypeFor[manifest.Parameter]():
			found = append(found, prefix+name)
		default:
			if field.Type.Kind() == reflect.Slice {
				found = append(found, prefix+name)
			}
			found = append(found, keys(inner, prefix+name+".")...)
		}
	}
	slices.Sort(found)
	return found
}

// rows lists the keys in the first column of a table, sorted.
func rows(text string) []string {
	var found []string
	for _, row := range regexp.MustCompile(`(?m)^\| (.*?) \|`).FindAllStringSubmatch(text, -1) {
		for _, key := range regexp.MustCompile("`([a-z_.]+)`").FindAllStringSubmatch(row[1], -1) {
			found = append(found, key[1])
		}
	}
	slices.Sort(found)
	return found
}
