package worker_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"granary/internal/platform/worker"
)

// TestManual runs the workers that docs/worker-protocol.md shows.
func TestManual(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/worker-protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	data := t.TempDir()
	for _, name := range []string{"a.jpg", "b.jpg", "c.txt"} {
		if err := os.WriteFile(filepath.Join(data, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		language, needs, want string
		argv                  []string
		mode                  worker.Mode
	}{
		{"python", "python3", "1", []string{"python3", "-c"}, worker.Warm},
		{"sh", "jq", "2", []string{"sh", "-c"}, worker.Plain},
	} {
		t.Run(tc.language, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(tc.needs); err != nil {
				t.Skipf("%s is not on this machine", tc.needs)
			}
			_, block, _ := strings.Cut(string(page), "```"+tc.language+"\n")
			block, _, ok := strings.Cut(block, "```")
			if !ok {
				t.Fatalf("the page shows no worker in %s", tc.language)
			}
			pool, _ := newPool(t, 1)
			spec := worker.Spec{Name: tc.language, Argv: append(tc.argv, block), Mode: tc.mode}
			got := run(t, pool, spec, worker.Job{Actor: "count", Kwargs: json.RawMessage(`{"pages":7}`), Paths: worker.Paths{Data: data}})
			if got != tc.want {
				t.Errorf("Run() = %s, want %s", got, tc.want)
			}
		})
	}
}
