package main

import (
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"granary/internal/demos/manifest"
	"granary/internal/platform/config"
	"granary/internal/vision/pipeline"
)

// manual reads every page for users, by path.
func manual(t *testing.T) map[string]string {
	t.Helper()
	pages := map[string]string{}
	for _, pattern := range []string{"../../*.md", "../../docs/*.md", "../../docs/*/*.md"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			pages[strings.TrimPrefix(path, "../../")] = string(raw)
		}
	}
	if len(pages) == 0 {
		t.Fatal("no page was found")
	}
	return pages
}

// block is a fenced block, however deep it is indented, with its language:
// sh or none for what is typed, text for what is answered.
var block = regexp.MustCompile("(?ms)^ *```([a-z]*)\n(.*?)^ *```$")

// TestManualShowsCommandsThatParse reads each command line of the manual as
// the binary does. Files that it names need not exist.
func TestManualShowsCommandsThatParse(t *testing.T) {
	t.Parallel()
	found := 0
	for path, page := range manual(t) {
		for _, match := range block.FindAllStringSubmatch(page, -1) {
			if match[1] != "sh" && match[1] != "" {
				continue
			}
			lines := strings.ReplaceAll(match[2], "\\\n", " ")
			for line := range strings.Lines(lines) {
				args := command(line)
				if args == nil {
					continue
				}
				found++
				if err := parse(args); err != nil {
					t.Errorf("%s: %s: %v", path, strings.TrimSpace(line), err)
				}
			}
		}
	}
	if found < 50 {
		t.Errorf("command lines found = %d, want at least 50: are they still told apart from text?", found)
	}
}

// word is one word of a shell's line, in quotes or not.
var word = regexp.MustCompile(`'[^']*'|"[^"]*"|[^\s'"]+`)

// assignment sets a variable for one command.
var assignment = regexp.MustCompile(`^[A-Z_]+=`)

// command returns the arguments of the granary command that a shell's line
// runs, by itself or in a unit or container; nil for a line that runs none.
func command(line string) []string {
	words := word.FindAllString(line, -1)
	for len(words) > 0 && assignment.MatchString(words[0]) {
		words = words[1:]
		if len(words) > 0 && strings.ContainsAny(words[0][:1], `'"`) { // the value, in quotes
			words = words[1:]
		}
	}
	if len(words) == 0 {
		return nil
	}
	first := 0
	if words[0] == "systemd-run" || strings.HasPrefix(line, "podman run ") {
		for i, w := range words {
			if w == "granary" && i+1 < len(words) && !strings.HasPrefix(words[i+1], "-") {
				first = i
			}
		}
	}
	if words[first] != "granary" && words[first] != "bin/granary" {
		return nil
	}
	args := []string{}
	for _, arg := range words[first+1:] {
		if strings.ContainsAny(arg[:1], ">|#&") {
			break
		}
		args = append(args, strings.Trim(arg, `'"`))
	}
	return args
}

// parse reads arguments without a look at the file system.
func parse(args []string) error {
	c := cli{stdout: io.Discard, stderr: io.Discard}
	text := kong.MapperFunc(func(ctx *kong.DecodeContext, target reflect.Value) error {
		return ctx.Scan.PopValueInto("file", target.Addr().Interface())
	})
	parser, err := c.parser(kong.NamedMapper("existingfile", text), kong.NamedMapper("existingdir", text),
		kong.Exit(func(int) {}))
	if err != nil {
		return err
	}
	_, err = parser.Parse(args)
	return err
}

// TestManualShowsFilesThatLoad reads each configuration and pipeline file of
// the manual, told by its first line.
func TestManualShowsFilesThatLoad(t *testing.T) {
	t.Parallel()
	found := map[string]int{}
	for path, page := range manual(t) {
		for _, match := range block.FindAllStringSubmatch(page, -1) {
			if match[1] != "yaml" {
				continue
			}
			name, _, _ := strings.Cut(match[2], "\n")
			var err error
			switch name {
			case "# granary.yaml":
				err = loadConfig(t, match[2])
			case "# pipelines.yaml":
				_, err = pipeline.Read([]byte(match[2]), "")
			case "# sizes/app.yaml", "# twins/app.yaml", "# similarity/app.yaml":
				_, err = manifest.Read([]byte(match[2]))
			default:
				t.Errorf("%s: a YAML block begins with %q, want the name of its file", path, name)
			}
			found[name]++
			if err != nil {
				t.Errorf("%s: %s: %v", path, name, err)
			}
		}
	}
	if found["# granary.yaml"] < 5 || found["# pipelines.yaml"] < 1 {
		t.Errorf("files found = %v, want at least five configurations and a pipeline file", found)
	}
}

// secretFile is a key that names a file, which need not exist here.
var secretFile = regexp.MustCompile(`_file: /run/secrets/\S+`)

func loadConfig(t *testing.T, text string) error {
	t.Helper()
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte("postgres://granary@db.lab.example/granary"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "granary.yaml")
	if err := os.WriteFile(file, []byte(secretFile.ReplaceAllString(text, "_file: "+secret)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err := config.Load(config.Options{File: file, Dir: dir, Environ: []string{}})
	return err
}
