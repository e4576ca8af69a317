package pages_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"image"
	"image/color"
	"image/png"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"granary/apps"
	"granary/internal/console"
	"granary/internal/console/ui"
	"granary/internal/demos"
	"granary/internal/demos/dataset"
	"granary/internal/demos/manifest"
	"granary/internal/demos/pages"
	"granary/internal/platform/fault"
	"granary/internal/platform/identity"
	"granary/internal/platform/jobs"
	"granary/internal/platform/jobs/journal"
	"granary/internal/platform/jobs/outbox"
	"granary/internal/platform/raster"
	"granary/internal/platform/web"
)

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// fake is a demos service with one task, whose app, state and files a test
// chooses, over one document of two pictures.
type fake struct {
	pages.Service // a call that no test expects panics

	t       *testing.T
	apps    []*demos.App
	task    demos.Task
	output  string
	files   map[string]string
	folder  string
	started []demos.Start
	stopped []string
	filter  demos.TaskFilter
}

func newFake(t *testing.T) *fake {
	t.Helper()
	installed, err := demos.LoadApps(apps.Files, "", []string{"similarity", "regions", "vectorization", "dticlustering", "watermarks", "search"})
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{t: t, apps: installed, folder: t.TempDir(), files: map[string]string{}, output: "{}"}
	f.task = demos.Task{
		ID: "t1", App: "similarity", ExperimentID: "trial <1>", JobID: "j1", Parameters: `{"algorithm":"cosine"}`,
		State: demos.Succeeded, CreatedAt: now, EndedAt: &now,
	}
	if err := os.MkdirAll(filepath.Join(f.folder, "images"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a.png", "b.png"} {
		if err := os.WriteFile(filepath.Join(f.folder, "images", name), picture(t), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

// picture is a PNG file of 40×20 pixels.
func picture(t *testing.T) []byte {
	t.Helper()
	pixels := image.NewRGBA(image.Rect(0, 0, 40, 20))
	for i := range 20 {
		pixels.Set(i, i, color.Black)
	}
	var file bytes.Buffer
	if err := png.Encode(&file, pixels); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func (f *fake) Apps() []*demos.App { return f.apps }

func (f *fake) App(name string) (*demos.App, error) {
	for _, app := range f.apps {
		if app.Name == name {
			return app, nil
		}
	}
	return nil, fault.New(fault.NotFound, "the app %s is not installed", name)
}

func (f *fake) Models(_ *demos.App, e *manifest.Endpoint) ([]demos.Model, error) {
	if e.Models == nil {
		return nil, nil
	}
	return []demos.Model{{Stem: e.Models.Builtin[0].Stem, Name: "First & best"}}, nil
}

func (f *fake) Sources(*demos.App) ([]demos.Source, error) {
	return []demos.Source{{UID: "briquet", Metadata: json.RawMessage(`{"name":"Briquet"}`)}}, nil
}

// SourceFile opens a collection of one mark.
func (f *fake) SourceFile(_ context.Context, _ *demos.App, _, name string) (demos.Content, error) {
	text := `{"images":[{"name":"m.png","source":"s 1"}]}`
	if name == "images.zip" {
		text = archive(f.t, "s 1/m.png")
	}
	path := filepath.Join(f.t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return demos.Content{}, err
	}
	file, err := os.Open(path)
	return demos.Content{Path: name, Size: int64(len(text)), Body: file}, err
}

func (f *fake) Start(_ context.Context, _ *demos.App, _ *manifest.Endpoint, in demos.Start) (*demos.Task, error) {
	f.started = append(f.started, in)
	return &f.task, nil
}

func (f *fake) Cancel(_ context.Context, id string) error {
	f.stopped = append(f.stopped, id)
	return nil
}

func (f *fake) Tasks(_ context.Context, filter demos.TaskFilter) (demos.TaskPage, error) {
	f.filter = filter
	return demos.TaskPage{Tasks: []demos.Task{f.task}}, nil
}

func (f *fake) Task(_ context.Context, id string) (*demos.Task, error) {
	if id != f.task.ID {
		return nil, fault.New(fault.NotFound, "no such task")
	}
	return &f.task, nil
}

func (f *fake) TaskOfJob(ctx context.Context, jobID string) (*demos.Task, error) {
	if jobID != f.task.JobID {
		return nil, fault.New(fault.NotFound, "no such task")
	}
	return f.Task(ctx, f.task.ID)
}

func (f *fake) Status(ctx context.Context, id string) (demos.Status, error) {
	task, err := f.Task(ctx, id)
	if err != nil {
		return demos.Status{}, err
	}
	return demos.Status{Task: task, State: task.State}, nil
}

func (f *fake) Documents(context.Context, string) ([]dataset.Document, error) {
	return []dataset.Document{{Type: "zip", UID: "doc", Src: "http://front.example/doc.zip"}}, nil
}

func (f *fake) Output(context.Context, *demos.Task) (json.RawMessage, error) {
	return json.RawMessage(f.output), nil
}

func (f *fake) Published(context.Context, string) ([]demos.File, error) {
	var files []demos.File
	for name, text := range f.files {
		files = append(files, demos.File{Path: name, TaskID: f.task.ID, Size: int64(len(text)), SHA256: name})
	}
	return files, nil
}

func (f *fake) TaskFile(_ context.Context, _, name string) (demos.Content, error) {
	text, ok := f.files[name]
	if !ok {
		return demos.Content{}, fault.New(fault.NotFound, "Result %s not found", name)
	}
	return demos.Content{
		Path: name, Size: int64(len(text)), Digest: "d", MediaType: "image/svg+xml", Body: io.NopCloser(strings.NewReader(text)),
	}, nil
}

func (f *fake) Upload(context.Context, *demos.Task) ([]byte, error) { return picture(f.t), nil }

func (f *fake) Folder(_ context.Context, kind, uid string) (dataset.Folder, error) {
	if kind != "zip" || uid != "doc" {
		return dataset.Folder{}, fault.New(fault.NotFound, "Document %s not found", uid)
	}
	return dataset.Folder{Document: dataset.Document{Type: kind, UID: uid}, Dir: f.folder}, nil
}

// archive is a zip file with the same picture under each name.
func archive(t *testing.T, names ...string) string {
	t.Helper()
	var file bytes.Buffer
	out := zip.NewWriter(&file)
	for _, name := range names {
		entry, err := out.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := entry.Write(picture(t)); err != nil {
			t.Fatal(err)
		}
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	return file.String()
}

// quiet is a job engine, a journal and callbacks with one job that said a line.
type quiet struct{}

func (quiet) Get(context.Context, string) (jobs.Job, error) {
	return jobs.Job{ID: "j1", Kind: "demo_similarity", State: jobs.Running, Attempt: 1}, nil
}

func (quiet) View(context.Context, string) (journal.View, error) {
	return journal.View{Bars: []jobs.Bar{{Key: "k", Context: "Describing", Current: 3, Total: 7}}}, nil
}

func (quiet) History(context.Context, jobs.Job) ([]journal.Event, error) {
	return []journal.Event{{Seq: 4, Type: journal.Info, At: now, Text: "reading <doc>"}}, nil
}

func (quiet) Deliveries(context.Context, string) ([]outbox.Delivery, error) {
	return []outbox.Delivery{{ID: "c1", URL: "http://front.example/notify", State: outbox.Delivered, Attempts: 1, Status: 200, CreatedAt: now}}, nil
}

// visit sends a steward's request to the section.
func visit(t *testing.T, f *fake, r *http.Request) *httptest.ResponseRecorder {
	t.Helper()
	section := pages.New(pages.Config{
		Service: f, Jobs: quiet{}, Journal: quiet{}, Callbacks: quiet{}, Gate: raster.Gate{}, Now: func() time.Time { return now },
	})
	kit, err := ui.New(ui.Config{Logger: slog.New(slog.DiscardHandler)}, section.Bundle(), console.Bundle())
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	for _, route := range section.Routes(kit, func(w http.ResponseWriter, _ *http.Request, err error) {
		http.Error(w, fault.Message(err), web.Status(fault.Of(err)))
	}) {
		mux.Handle(route.Method+" "+route.Path, route.Handler)
	}
	w := httptest.NewRecorder()
	ctx := identity.With(r.Context(), identity.Principal{UserID: "u1", Role: identity.Steward})
	mux.ServeHTTP(w, r.WithContext(ctx))
	return w
}

func get(t *testing.T, f *fake, target string) *httptest.ResponseRecorder {
	t.Helper()
	return visit(t, f, httptest.NewRequest(http.MethodGet, target, nil))
}
