package repository

import (
	"go/parser"
	"go/token"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestContainerHasWhatTheBinaryImports compares the folders that
// deploy/Containerfile copies with those that the code imports.
func TestContainerHasWhatTheBinaryImports(t *testing.T) {
	t.Parallel()
	copied := map[string]bool{}
	for _, match := range regexp.MustCompile(`(?m)^COPY (\w+) \w+$`).FindAllStringSubmatch(read(t, "deploy/Containerfile"), -1) {
		copied[match[1]] = true
	}
	if !copied["cmd"] {
		t.Fatalf("folders copied = %v, want cmd among them", copied)
	}
	for _, path := range files(t, func(path string) bool { return strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") }) {
		top, _, _ := strings.Cut(strings.TrimPrefix(path, root+"/"), "/")
		if !copied[top] {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range file.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			rest, ours := strings.CutPrefix(name, "granary/")
			if folder, _, _ := strings.Cut(rest, "/"); ours && !copied[folder] {
				t.Errorf("%s imports %s, and deploy/Containerfile does not copy %s", path, name, folder)
			}
		}
	}
}

// TestUnitsDrain holds the units of Granary to a stop in which it ends its
// workers' programs itself, and long enough for it.
func TestUnitsDrain(t *testing.T) {
	t.Parallel()
	for _, unit := range []string{"deploy/granary.service", "deploy/granary-worker.service"} {
		text := read(t, unit)
		for _, line := range []string{"KillMode=mixed", "TimeoutStopSec=60", "NoNewPrivileges=yes"} {
			if !strings.Contains(text, "\n"+line+"\n") {
				t.Errorf("%s lacks %s", unit, line)
			}
		}
	}
}
