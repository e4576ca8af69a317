package python_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"granary/internal/platform/worker"
)

// interpreter finds Python, or skips the test, or fails it where services are required.
func interpreter(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("python3")
	if err == nil && exec.CommandContext(t.Context(), path, "-c", "import sys; sys.exit(sys.version_info < (3, 9))").Run() == nil {
		return path
	}
	if os.Getenv("REQUIRE_SERVICES") == "1" {
		t.Fatal("there is no python3 of version 3.9 or newer and REQUIRE_SERVICES=1")
	}
	t.Skip("there is no python3 of version 3.9 or newer")
	return ""
}

func TestUnittest(t *testing.T) {
	t.Parallel()
	command := exec.CommandContext(t.Context(), interpreter(t), "-m", "unittest", "-q")
	command.Env = append(os.Environ(), "PYTHONPATH=src", "PYTHONDONTWRITEBYTECODE=1")
	if out, err := command.CombinedOutput(); err != nil {
		t.Errorf("unittest: %v\n%s", err, out)
	}
}

// heard remembers what a worker says.
type heard struct {
	mu    sync.Mutex
	lines []string
	said  chan struct{} // gets one signal a line, as far as there is room
}

func (h *heard) add(line string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lines = append(h.lines, line)
	select {
	case h.said <- struct{}{}:
	default:
	}
}

func (h *heard) Line(level worker.Level, text string) { h.add(string(level) + " " + text) }

func (h *heard) Bar(worker.Bar) {}

func (h *heard) Event(_ context.Context, name string, data json.RawMessage) error {
	h.add(name + " " + string(data))
	return nil
}

func newPool(t *testing.T) *worker.Pool {
	t.Helper()
	pool, err := worker.New(worker.Config{Temp: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pool.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return pool
}

// dataFolder lays out a data set of one document with two pictures.
func dataFolder(t *testing.T, uid string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range map[string]string{
		"shared/datasets/" + uid + "/info.json": `{"uid":"` + uid + `","documents":[{"uid":"wit1","type":"zip","src":"http://h/a.zip"}]}`,
		"shared/documents/zip/wit1/images.json": `[{"id":"a.jpg","src":null,"path":"images/a.jpg","metadata":null},` +
			`{"id":"b.jpg","src":null,"path":"images/b.jpg","metadata":null}]`,
		"shared/documents/zip/wit1/images/a.jpg": "a", "shared/documents/zip/wit1/images/b.jpg": "b",
		"count/results/.keep": "",
	} {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// TestUnderTheRealHost runs the task that README.md shows and a tree's actor.
func TestUnderTheRealHost(t *testing.T) {
	t.Parallel()
	python := interpreter(t)
	page, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(string(page), "```python\n")
	block, _, found := strings.Cut(block, "```")
	sources, err := filepath.Abs("src")
	if err != nil || !found {
		t.Fatalf("README.md shows no task: %v", err)
	}
	tree, err := filepath.Abs("tests/legacy_tree")
	if err != nil {
		t.Fatal(err)
	}
	uid := strings.Repeat("a", 64)
	app := t.TempDir()
	if err := os.WriteFile(filepath.Join(app, "count.py"), []byte(block), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		argv   []string
		actor  string
		kwargs string
		want   string
		lines  []string
		file   string
	}{
		"a task": {
			[]string{python, "-m", "granary_worker", "count.py"},
			"count_pictures", `{"dataset_uid":"` + uid + `"}`, `{"wit1":2}`,
			[]string{"info loading the model", `PROGRESS {"output":{"wit1":2}}`},
			"count/results/counts.json",
		},
		"a tree": {
			[]string{python, "-m", "granary_worker.legacy", "--tree", tree, "--app", "copyists"},
			"copy_images",
			`{"dataset_uid":"` + uid + `","experiment_id":"e","model":"m"}`,
			`{"dataset_url":"http://lab/datasets/dataset/` + uid + `","results_url":[{"doc_id":"wit1","result_url":"http://lab/datasets/document/zip/wit1/m+e"}],` +
				`"error":[],"loaded":1,"prefix":"/files","home":"http://lab"}`,
			[]string{
				"info Copying for e, message t-1",
				`PROGRESS {"output":{"dataset_url":"http://lab/datasets/dataset/` + uid + `","results_url":[{"doc_id":"wit1","result_url":"http://lab/datasets/document/zip/wit1/m+e"}]}}`,
			},
			"shared/documents/zip/wit1/annotations/m+e.json",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := dataFolder(t, uid)
			spec := worker.Spec{Name: "count", Argv: tc.argv, Dir: app, Env: []string{"PYTHONPATH=" + sources, "PYTHONDONTWRITEBYTECODE=1"}, StartTimeout: time.Minute}
			job := worker.Job{
				ID: "t-1", Actor: tc.actor, Kwargs: json.RawMessage(tc.kwargs), BaseURL: "http://lab", Attempt: 1,
				Paths: worker.Paths{Data: data, Results: filepath.Join(data, "count", "results")},
			}
			sink := &heard{said: make(chan struct{}, 1)}
			got, err := newPool(t).Run(t.Context(), spec, job, sink)
			if err != nil {
				t.Fatalf("Run: %v", err)
			}
			var value, want any
			if err := json.Unmarshal(got, &value); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(tc.want), &want); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, value); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.lines, sink.lines); diff != "" {
				t.Errorf("said (-want +got):\n%s", diff)
			}
			if _, err := os.Stat(filepath.Join(data, tc.file)); err != nil {
				t.Errorf("the task left no %s: %v", tc.file, err)
			}
		})
	}
}

// TestCancelUnderTheRealHost ends a task that waits, and the worker lives.
func TestCancelUnderTheRealHost(t *testing.T) {
	t.Parallel()
	python := interpreter(t)
	sources, err := filepath.Abs("src")
	if err != nil {
		t.Fatal(err)
	}
	odd, err := filepath.Abs("tests/odd_worker.py")
	if err != nil {
		t.Fatal(err)
	}
	pool := newPool(t)
	spec := worker.Spec{
		Name: "odd", Argv: []string{python, "-m", "granary_worker", odd}, Env: []string{"PYTHONPATH=" + sources, "PYTHONDONTWRITEBYTECODE=1"},
		StartTimeout: time.Minute, Grace: 20 * time.Second,
	}
	if got, err := pool.Run(t.Context(), spec, worker.Job{ID: "1", Actor: "count"}, &heard{}); err != nil || string(got) != "1" {
		t.Fatalf("Run(count) = %s, %v, want 1", got, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	sink := &heard{said: make(chan struct{}, 1)}
	ended := make(chan error, 1)
	go func() {
		_, err := pool.Run(ctx, spec, worker.Job{ID: "2", Actor: "deaf"}, sink)
		ended <- err
	}()
	<-sink.said
	cancel()
	if err := <-ended; err == nil {
		t.Error("Run of a cancelled task = nil, want an error")
	}
	// It remembers the first job, so it is the same process.
	if got, err := pool.Run(t.Context(), spec, worker.Job{ID: "3", Actor: "count"}, &heard{}); err != nil || string(got) != "2" {
		t.Errorf("Run(count) = %s, %v, want 2 from the same worker", got, err)
	}
}
