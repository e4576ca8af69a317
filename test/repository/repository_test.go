// Package repository checks the repository itself: that its documents say
// what the files do.
package repository

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const root = "../.."

func read(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// files lists the paths below root that keep chooses.
func files(t *testing.T, keep func(path string) bool) []string {
	t.Helper()
	skip := []string{".git", "node_modules", "testdata", "tmp", "bin", "tools"}
	var found []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && slices.Contains(skip, entry.Name()) {
			return fs.SkipDir
		}
		if !entry.IsDir() && keep(path) {
			found = append(found, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// requirement is one line of go.mod.
var requirement = regexp.MustCompile(`(?m)^\s(\S+) v\S+`)

// TestDependenciesAreDocumented compares the tables of docs/dependencies.md
// with the modules that the code imports.
func TestDependenciesAreDocumented(t *testing.T) {
	t.Parallel()
	var modules []string
	for _, match := range requirement.FindAllStringSubmatch(read(t, "go.mod"), -1) {
		modules = append(modules, match[1])
	}
	imported := map[string]bool{}
	for _, path := range files(t, func(path string) bool { return strings.HasSuffix(path, ".go") }) {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range file.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			best := "" // the longest: a module may lie inside another's path
			for _, module := range modules {
				if (name == module || strings.HasPrefix(name, module+"/")) && len(module) > len(best) {
					best = module
				}
			}
			if best != "" {
				imported[best] = true
			}
		}
	}
	documented := map[string]bool{}
	for _, match := range regexp.MustCompile(`(?m)^\| (\S+\.\S+/\S+|\S+\.dev) \|`).FindAllStringSubmatch(read(t, "docs/dependencies.md"), -1) {
		documented[match[1]] = true
	}
	if diff := cmp.Diff(imported, documented); diff != "" {
		t.Errorf("docs/dependencies.md does not list what the code imports (-imported +documented):\n%s", diff)
	}
}

// TestLinksResolve follows every relative link of the documents.
func TestLinksResolve(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`\]\(([^)#\s]+)(#[^)]*)?\)`)
	for _, path := range files(t, func(path string) bool { return strings.HasSuffix(path, ".md") }) {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range link.FindAllStringSubmatch(string(raw), -1) {
			target := match[1]
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), target)); err != nil {
				t.Errorf("%s links to %s, which does not exist", path, target)
			}
		}
	}
}

// TestTargetsAreDescribed keeps `make help` complete.
func TestTargetsAreDescribed(t *testing.T) {
	t.Parallel()
	makefile := read(t, "Makefile")
	phony := regexp.MustCompile(`(?m)^\.PHONY: (.*)$`).FindStringSubmatch(makefile)
	if phony == nil {
		t.Fatal("Makefile has no .PHONY line")
	}
	for target := range strings.FieldsSeq(phony[1]) {
		if !regexp.MustCompile(`(?m)^` + target + `:.*## .+$`).MatchString(makefile) {
			t.Errorf("make %s has no ## description", target)
		}
	}
}
