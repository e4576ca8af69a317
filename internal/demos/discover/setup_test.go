package discover_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"granary/apps"
	"granary/internal/demos"
	"granary/internal/demos/dataset"
	"granary/internal/demos/discover"
	"granary/internal/platform/blob"
	"granary/internal/platform/database"
	"granary/internal/platform/database/databasetest"
	"granary/internal/platform/fetch"
	"granary/internal/platform/jobs"
	"granary/internal/platform/jobs/journal"
	"granary/internal/platform/jobs/local"
	"granary/internal/platform/jobs/outbox"
	"granary/internal/platform/jobs/river"
	"granary/internal/platform/web"
	"granary/internal/platform/worker"
	"granary/internal/platform/worker/guest"
)

// guestVariable makes the test binary the worker of the app echo.
const guestVariable = "DISCOVER_TEST_GUEST"

func TestMain(m *testing.M) {
	if os.Getenv(guestVariable) == "" {
		os.Exit(m.Run())
	}
	if err := guest.Serve(context.Background(), os.Stdin, os.Stdout, "echo", map[string]guest.Task{"echo": echo}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// echo writes a result for its experiment; its parameter do says what else
// happens.
func echo(ctx context.Context, job *guest.Job) (any, error) {
	var kwargs struct {
		ExperimentID string `json:"experiment_id"`
		Do           string `json:"do"`
		Count        int    `json:"count"`
		DatasetUID   string `json:"dataset_uid"`
	}
	if err := job.Decode(&kwargs); err != nil {
		return nil, err
	}
	dir := filepath.Join(job.Paths.Results, kwargs.ExperimentID)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "a^b+c.json"), []byte(`{"pairs":[]}`), 0o600); err != nil {
		return nil, err
	}
	switch kwargs.Do {
	case "fail":
		return nil, errors.New("the model is missing")
	case "hang":
		for i := range 12 {
			job.Info(fmt.Sprintf("line %d", i))
		}
		job.Warn("a page is blank")
		job.Progress("pages", "Pages", 3, 8)
		job.Progress("more", "More", 1, 0)
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return map[string]any{"result": 42}, nil
}

const echoManifest = `
name: echo
prefixes: [/echo, /reecho]
time_limit: 5s
worker: {command: [%q, "-test.run=^$"], environment: {DISCOVER_TEST_GUEST: "1"}, grace: 1s}
endpoints:
  - actor: echo
    bodies: [json, form, multipart]
    documents: optional
    crops: true
    parameters:
      do: {type: string, default: "", desc: What happens.}
      count: {type: integer, default: 1, min: 1, max: 50, desc: A number.}
    publish: ["results/*/*.json"]
    result: {path: "/{id}/result", file: "results/{id}.json"}
    clear: {cleared_runs: tasks, cleared_results: results, cleared_datasets: documents}
    delete: pairs
`

// bundle is the door behind a server, with the service below it.
type bundle struct {
	*demos.Service
	handler http.Handler
	engine  jobs.Engine
	folder  string
	// ago is how far the service's clock is behind, in nanoseconds.
	ago *atomic.Int64
}

// each runs a test on every database.
func each(t *testing.T, fn func(t *testing.T, b *bundle)) {
	t.Helper()
	databasetest.Each(t, nil, func(t *testing.T, db *database.DB) { fn(t, setup(t, db, discover.Config{})) })
}

func setup(t *testing.T, db *database.DB, cfg discover.Config) *bundle {
	t.Helper()
	b := &bundle{folder: t.TempDir(), ago: &atomic.Int64{}}
	log := slog.New(slog.DiscardHandler)
	migrate(t, db)
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
	said := journal.New(db, journal.Config{Every: 10 * time.Millisecond})
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	own := t.TempDir()
	write(t, filepath.Join(own, "echo", "app.yaml"), fmt.Sprintf(echoManifest, program))
	installed, err := demos.LoadApps(apps.Files, own, []string{"echo", "regions", "similarity", "vectorization", "dticlustering", "watermarks", "search"})
	if err != nil {
		t.Fatal(err)
	}
	b.Service, err = demos.New(demos.Deps{
		DB: db, Blobs: blobs, Outbox: outbox.New(db, outbox.Config{}), Journal: said, Workers: workers, Library: library, Log: log,
	}, installed, demos.Config{
		Folder: b.folder, Program: program, Now: func() time.Time { return time.Now().Add(-time.Duration(b.ago.Load())) },
	})
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
	if err := said.Start(t.Context(), b.engine); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		b.engine.Stop()
		said.Stop()
		if err := errors.Join(workers.Close(), b.Close(), library.Close(), blobs.Close()); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	cfg.Accelerate = b.Accelerate
	server, err := web.New(web.Config{Listeners: []web.Listener{{Address: "127.0.0.1:0"}}, RatePerSecond: 1e6, RateBurst: 1e6},
		web.Hooks{Logger: log}, web.Entry{Door: discover.New(b.Service, cfg), LoosePaths: true})
	if err != nil {
		t.Fatal(err)
	}
	b.handler = server.Handler(0)
	return b
}

func migrate(t *testing.T, db *database.DB) {
	t.Helper()
	queue := local.Migrations()
	if db.Pool() != nil {
		queue = river.Migrations()
		if err := river.Migrate(t.Context(), db); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Migrate(t.Context(), blob.Migrations(), queue, journal.Migrations(), outbox.Migrations(), demos.Migrations()); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// do sends a request; header holds names and values in turn.
func (b *bundle) do(t *testing.T, method, target, body string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	var reader io.Reader = http.NoBody
	if body != "" {
		reader = strings.NewReader(body)
	}
	r := httptest.NewRequestWithContext(t.Context(), method, target, reader)
	r.Host = "granary.example"
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	return w
}

// json sends a request that must be answered 200 in JSON and decodes it into v.
func (b *bundle) json(t *testing.T, method, target, body string, v any, header ...string) {
	t.Helper()
	w := b.do(t, method, target, body, header...)
	if got := w.Header().Values("Content-Type"); w.Code != http.StatusOK || len(got) != 1 || got[0] != "application/json" {
		t.Fatalf("%s %s = %d, %q, %s; want 200, application/json", method, target, w.Code, got, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), v); err != nil {
		t.Fatalf("%s %s: %v in %s", method, target, err, w.Body)
	}
}

const jsonType = "application/json"

// start starts a task of the app echo.
func (b *bundle) start(t *testing.T, body string) *demos.Task {
	t.Helper()
	return b.startAt(t, "/echo/start", jsonType, body)
}

func (b *bundle) startAt(t *testing.T, path, contentType, body string) *demos.Task {
	t.Helper()
	var answer map[string]string
	b.json(t, http.MethodPost, path, body, &answer, "Content-Type", contentType)
	task, err := b.Task(t.Context(), answer["tracking_id"])
	if err != nil {
		t.Fatalf("start answered %v: %v", answer, err)
	}
	if answer["experiment_id"] != task.ExperimentID || len(answer) != 2 {
		t.Errorf("start answered %v, the task is %+v", answer, task)
	}
	return task
}

// run lets the engine work.
func (b *bundle) run(t *testing.T) {
	t.Helper()
	if err := b.engine.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// await asks for a task's status until ok, and returns the log.
func (b *bundle) await(t *testing.T, id string, ok func(log string) bool) string {
	t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		var answer map[string]json.RawMessage
		b.json(t, http.MethodGet, "/echo/"+id+"/status", "", &answer)
		if len(answer) != 2 || string(answer["tracking_id"]) != fmt.Sprintf("%q", id) {
			t.Fatalf("status = %s, want tracking_id and log alone", answer)
		}
		log := string(answer["log"])
		if ok(log) {
			return log
		}
		select {
		case <-deadline:
			t.Fatalf("the log stays %s", log)
		case <-tick.C:
		}
	}
}

// ended reports whether a log is of a task that waits and runs no more.
func ended(log string) bool {
	return !strings.Contains(log, `"PENDING"`) && !strings.Contains(log, `"PROGRESS"`)
}

// archive is a zip of one picture.
func archive(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	writer := zip.NewWriter(&out)
	entry, err := writer.Create("a.jpg")
	if err == nil {
		err = jpeg.Encode(entry, image.NewGray(image.Rect(0, 0, 20, 20)), nil)
	}
	if err := errors.Join(err, writer.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
