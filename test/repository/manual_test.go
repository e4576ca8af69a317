package repository

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestGuaranteesNameTests holds the tests that docs/guarantees.md calls as
// proof against the ones that are there.
func TestGuaranteesNameTests(t *testing.T) {
	t.Parallel()
	declared := map[string]bool{}
	function := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	for _, path := range files(t, func(path string) bool { return strings.HasSuffix(path, "_test.go") }) {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range function.FindAllStringSubmatch(string(raw), -1) {
			declared[match[1]] = true
		}
	}
	named := regexp.MustCompile("`((?:Test|Fuzz)\\w+)`").FindAllStringSubmatch(read(t, "docs/guarantees.md"), -1)
	if len(named) < 50 {
		t.Errorf("tests named by docs/guarantees.md = %d, want at least 50", len(named))
	}
	for _, match := range named {
		if !declared[match[1]] {
			t.Errorf("docs/guarantees.md names %s, which does not exist", match[1])
		}
	}
}

// TestGuaranteesNameKeys holds the configuration keys in the tables of the
// manual against the generated reference.
func TestGuaranteesNameKeys(t *testing.T) {
	t.Parallel()
	reference := read(t, "docs/configuration.md")
	key := regexp.MustCompile("`((?:blob|database|identity|jobs|secrets|telemetry|vision|web)\\.[a-z_.]*[a-z])(?:_file)?`")
	paths, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, path := range paths {
		page := read(t, strings.TrimPrefix(path, root))
		for _, match := range key.FindAllStringSubmatch(page, -1) {
			found++
			if name := strings.TrimSuffix(match[1], "_file"); !strings.Contains(reference, "| `"+name+"` |") && !strings.Contains(reference, "| `"+match[1]+"` |") {
				t.Errorf("%s names the key %s, which docs/configuration.md does not have", filepath.Base(path), match[1])
			}
		}
	}
	if found < 50 {
		t.Errorf("keys found = %d, want at least 50", found)
	}
}
