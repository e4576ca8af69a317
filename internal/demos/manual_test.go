package demos_test

import (
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"granary/internal/demos"
	"granary/internal/platform/database"
	"granary/internal/platform/database/databasetest"
)

// example is a block of the page about apps whose first lines name its file.
var example = regexp.MustCompile("(?m)^```(?:yaml|sh|python)\n((?:#!.*\n)?# (\\w+/[\\w.]+)\n(?s:.*?))^```$")

// TestManualAppsRun runs the apps that docs/apps.md shows, as they stand
// there.
func TestManualAppsRun(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/apps.md")
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	for _, match := range example.FindAllSubmatch(page, -1) {
		path := filepath.Join(folder, string(match[2]))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, match[1], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	kit, err := filepath.Abs("../../clients/python/src")
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		needs  []string
		output string // the number that its output has besides the address
		want   float64
		result string
	}{
		"sizes": {[]string{"sh", "jq", "find"}, "pictures", 4, `(?s)^\d+ zip/one/images/.*\n\d+ zip/two/images/`},
		"twins": {[]string{"python3"}, "twins", 2, `^\[\[\["one", "a.jpg"\], \["two", "a.jpg"\]\]`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, program := range test.needs {
				if _, err := exec.LookPath(program); err != nil {
					t.Skipf("%s is not installed", program)
				}
			}
			apps, err := demos.LoadApps(os.DirFS(folder), folder, []string{name})
			if err != nil {
				t.Fatal(err)
			}
			databasetest.Each(t, nil, func(t *testing.T, db *database.DB) {
				if db.Pool() != nil {
					return // what an app does is the same on every database
				}
				if err := db.Migrate(t.Context(), migrations(db)...); err != nil {
					t.Fatal(err)
				}
				b := setup(t, db, demos.Config{Environment: []string{"PYTHONPATH=" + kit}}, apps...)
				b.run(t)
				task := b.start(t, "smallest", "one", "two")
				status := b.await(t, task.ID, demos.Succeeded)
				var output map[string]any
				if err := json.Unmarshal([]byte(status.Task.Output), &output); err != nil {
					t.Fatal(err)
				}
				if address := "http://granary.example/" + name + "/exp-smallest/result"; output[test.output] != test.want || output["results_url"] != address {
					t.Errorf("output = %v, want %s %v and %s", output, test.output, test.want, address)
				}
				content, err := b.Result(t.Context(), b.app, &b.app.Endpoints[0], "exp-smallest")
				if err != nil {
					t.Fatal(err)
				}
				defer content.Body.Close()
				if text, err := io.ReadAll(content.Body); err != nil || !regexp.MustCompile(test.result).Match(text) {
					t.Errorf("result = %s, %v, want it to match %s", text, err, test.result)
				}
			})
		})
	}
}
