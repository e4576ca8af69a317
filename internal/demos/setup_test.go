package demos_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"granary/internal/demos"
	"granary/internal/demos/dataset"
	"granary/internal/platform/blob"
	"granary/internal/platform/database"
	"granary/internal/platform/database/databasetest"
	"granary/internal/platform/fetch"
	"granary/internal/platform/jobs"
	"granary/internal/platform/jobs/journal"
	"granary/internal/platform/jobs/local"
	"granary/internal/platform/jobs/outbox"
	"granary/internal/platform/jobs/river"
	"granary/internal/platform/worker"
	"granary/internal/platform/worker/guest"
)

// guestVariable makes the test binary the worker of the test's app.
const guestVariable = "DEMOS_TEST_GUEST"

func TestMain(m *testing.M) {
	if os.Getenv(guestVariable) == "" {
		os.Exit(m.Run())
	}
	if err := guest.Serve(context.Background(), os.Stdin, os.Stdout, "echo", guestTasks()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// guestTasks is an app whose parameter do says what happens.
func guestTasks() map[string]guest.Task {
	return map[string]guest.Task{"echo": func(ctx context.Context, job *guest.Job) (any, error) {
		var kwargs struct {
			ExperimentID string `json:"experiment_id"`
			DatasetUID   string `json:"dataset_uid"`
			Do           string `json:"do"`
		}
		if err := job.Decode(&kwargs); err != nil {
			return nil, err
		}
		view, err := dataset.OpenView(ctx, job.Paths.Data, kwargs.DatasetUID)
		if err != nil {
			return nil, err
		}
		for i, document := range view.Documents {
			job.Info("reading " + document.UID)
			job.Progress("documents", "Reading", int64(i), int64(len(view.Documents)))
			text := fmt.Sprintf(`{"images":%d}`, len(document.Images))
			dir := filepath.Join(job.Paths.Results, kwargs.ExperimentID)
			if err := os.MkdirAll(dir, 0o700); err != nil {
				return nil, err
			}
			if err := os.WriteFile(filepath.Join(dir, document.UID+".json"), []byte(text), 0o600); err != nil {
				return nil, err
			}
			if err := job.Event("PROGRESS", map[string]any{"done": document.UID}); err != nil {
				return nil, err
			}
		}
		switch kwargs.Do {
		case "fail":
			return nil, errors.New("the model is missing")
		case "die":
			os.Exit(3)
		case "hang":
			<-ctx.Done()
			return nil, ctx.Err()
		case "point":
			return nil, fmt.Errorf("open %s: no such file", filepath.Join(job.Paths.Results, "model.pt"))
		case "long":
			return map[string]any{"text": strings.Repeat("x", 1000)}, nil
		case "endless":
			return map[string]any{"text": strings.Repeat("x", 100<<10)}, nil
		case "text":
			return map[string]any{"error": "page 1 is blank"}, nil
		case "nothing":
			return map[string]any{"dataset_url": "x", "results_url": []string{}, "error": []string{"page 1 is blank"}}, nil
		}
		return map[string]any{"documents": len(view.Documents), "annotations": "many", "error": []string{}}, nil
	}}
}

const echoManifest = `
name: echo
prefixes: [/echo]
attempts: 2
worker: {command: [granary, "-test.run=^$"], environment: {DEMOS_TEST_GUEST: "1"}, grace: 2s}
endpoints:
  - actor: echo
    crops: true
    parameters: {do: {type: string, default: "", desc: What happens.}}
    publish: ["results/*/*.json"]
    result: {path: "/{id}/result", file: "results/{id}.json"}
    clear: {cleared_runs: tasks, cleared_results: results, cleared_datasets: documents}
    delete: pairs
`

// bundle is the service with everything below it, and a front end.
type bundle struct {
	*demos.Service
	app    *demos.App
	engine jobs.Engine
	db     *database.DB
	calls  *outbox.Outbox
	front  *front
	folder string
}

func migrations(db *database.DB) []database.Migrations {
	queue := local.Migrations()
	if db.Pool() != nil {
		queue = river.Migrations()
	}
	return []database.Migrations{blob.Migrations(), queue, journal.Migrations(), outbox.Migrations(), demos.Migrations()}
}

// each runs a test on every database.
func each(t *testing.T, fn func(t *testing.T, b *bundle)) {
	t.Helper()
	databasetest.Each(t, nil, func(t *testing.T, db *database.DB) {
		if db.Pool() != nil {
			if err := river.Migrate(t.Context(), db); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.Migrate(t.Context(), migrations(db)...); err != nil {
			t.Fatal(err)
		}
		fn(t, setup(t, db, demos.Config{}))
	})
}

func setup(t *testing.T, db *database.DB, cfg demos.Config, apps ...*demos.App) *bundle {
	t.Helper()
	return setupOutbox(t, db, cfg, outbox.Config{Poll: 50 * time.Millisecond}, apps...)
}

func setupOutbox(t *testing.T, db *database.DB, cfg demos.Config, callbacks outbox.Config, apps ...*demos.App) *bundle {
	t.Helper()
	b := &bundle{db: db, front: newFront(t), folder: t.TempDir()}
	log := slog.New(slog.DiscardHandler)
	bucket, err := blob.Open(t.Context(), blob.Config{URL: "file:" + t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	blobs := blob.NewStore(db, bucket, blob.StoreConfig{})
	library, err := dataset.Open(dataset.Config{Folder: b.folder, Fetch: fetch.New(fetch.Config{})})
	if err != nil {
		t.Fatal(err)
	}
	workers, err := worker.New(worker.Config{Temp: filepath.Join(b.folder, "tmp", "workers"), Log: log})
	if err != nil {
		t.Fatal(err)
	}
	calls := outbox.New(db, callbacks)
	b.calls = calls
	said := journal.New(db, journal.Config{Every: 10 * time.Millisecond})
	if len(apps) == 0 {
		files := fstest.MapFS{"echo/app.yaml": {Data: []byte(echoManifest)}}
		if apps, err = demos.LoadApps(files, "", []string{"echo"}); err != nil {
			t.Fatal(err)
		}
	}
	cfg.Folder, cfg.Program = b.folder, executable(t)
	if cfg.Grace == 0 {
		cfg.Grace = time.Millisecond
	}
	b.app = apps[0]
	b.Service, err = demos.New(demos.Deps{
		DB: db, Blobs: blobs, Outbox: calls, Journal: said, Workers: workers, Library: library, Log: log,
	}, apps, cfg)
	if err != nil {
		t.Fatal(err)
	}
	registry := jobs.NewRegistry()
	if err := b.Register(registry); err != nil {
		t.Fatal(err)
	}
	engineConfig := jobs.Config{Grace: time.Second, Poll: 50 * time.Millisecond, Recorder: said}
	if db.Pool() != nil {
		b.engine, err = river.New(db, registry, engineConfig)
	} else {
		b.engine, err = local.New(db, registry, engineConfig)
	}
	if err != nil {
		t.Fatal(err)
	}
	b.SetJobs(b.engine)
	for _, start := range []func() error{
		func() error { return said.Start(t.Context(), b.engine) },
		func() error { return calls.Start(t.Context()) },
	} {
		if err := start(); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		b.engine.Stop()
		calls.Stop()
		said.Stop()
		if err := errors.Join(workers.Close(), b.Close(), library.Close(), blobs.Close()); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return b
}

func executable(t *testing.T) string {
	t.Helper()
	name, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// run lets the engine work.
func (b *bundle) run(t *testing.T) {
	t.Helper()
	if err := b.engine.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// start starts a task over documents of the front end.
func (b *bundle) start(t *testing.T, do string, documents ...string) *demos.Task {
	t.Helper()
	text, err := json.Marshal(do)
	if err != nil {
		t.Fatal(err)
	}
	in := demos.Start{
		ExperimentID: "exp-" + do, NotifyURL: b.front.server.URL + "/watch?token=a%2Fb", BaseURL: "http://granary.example",
		Parameters: map[string]json.RawMessage{"do": text},
	}
	for _, name := range documents {
		in.Documents = append(in.Documents, dataset.Document{Type: dataset.TypeZip, UID: name, Src: b.front.server.URL + "/" + name + ".zip"})
	}
	task, err := b.Start(t.Context(), b.app, &b.app.Endpoints[0], in)
	if err != nil {
		t.Fatalf("Start: %v", err)
	}
	return task
}

// await waits for a task to end in that state.
func (b *bundle) await(t *testing.T, id string, want demos.State) demos.Status {
	t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		status, err := b.Status(t.Context(), id)
		if err != nil {
			t.Fatalf("Status: %v", err)
		}
		if status.State == want {
			return status
		}
		select {
		case <-deadline:
			t.Fatalf("task is %s (%s), want %s", status.State, status.Task.Error, want)
		case <-tick.C:
		}
	}
}

// front is a front end: it serves archives and takes callbacks.
type front struct {
	server *httptest.Server

	mu    sync.Mutex
	calls []call
	heard chan struct{} // a token per callback
}

type call struct {
	query string
	body  map[string]any
}

func newFront(t *testing.T) *front {
	t.Helper()
	f := &front{heard: make(chan struct{}, 100)}
	f.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPost:
			f.take(t, r)
		case filepath.Base(r.URL.Path) == "missing.zip":
			http.NotFound(w, r)
		default:
			_, _ = w.Write(archive(t))
		}
	}))
	t.Cleanup(f.server.Close)
	return f
}

func (f *front) take(t *testing.T, r *http.Request) {
	data, err := io.ReadAll(r.Body)
	if err != nil {
		t.Errorf("callback: %v", err)
	}
	got := call{query: r.URL.RawQuery}
	if err := json.Unmarshal(data, &got.body); err != nil {
		t.Errorf("callback %s: %v", data, err)
	}
	f.mu.Lock()
	f.calls = append(f.calls, got)
	f.mu.Unlock()
	f.heard <- struct{}{}
}

// await returns the callbacks once there are n.
func (f *front) await(t *testing.T, n int) []call {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		f.mu.Lock()
		calls := f.calls
		f.mu.Unlock()
		if len(calls) >= n {
			return calls
		}
		select {
		case <-f.heard:
		case <-deadline:
			t.Fatalf("%d callbacks, want %d: %v", len(calls), n, calls)
		}
	}
}

// last returns the terminal callback of a task once it has come.
func (f *front) last(t *testing.T, id string) call {
	t.Helper()
	for n := 1; ; n++ {
		c := f.await(t, n)[n-1]
		if event := c.body["event"]; c.body["tracking_id"] == id && (event == "SUCCESS" || event == "ERROR" && c.body["completed"] == true) {
			return c
		}
	}
}

func events(calls []call) []string {
	var names []string
	for _, c := range calls {
		names = append(names, fmt.Sprint(c.body["event"]))
	}
	return names
}

// archive is a zip of two pictures.
func archive(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	writer := zip.NewWriter(&out)
	for i, name := range []string{"a.jpg", "sub/b.jpg"} {
		entry, err := writer.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		picture := image.NewRGBA(image.Rect(0, 0, 40, 30))
		picture.Set(i, i, color.White)
		if err := jpeg.Encode(entry, picture, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
