package pages

import (
	"context"
	"encoding/json"
	"time"

	"granary/internal/console/thumbnail"
	"granary/internal/console/ui"
	"granary/internal/demos"
	"granary/internal/demos/dataset"
	"granary/internal/demos/manifest"
	"granary/internal/platform/jobs"
	"granary/internal/platform/jobs/journal"
	"granary/internal/platform/jobs/outbox"
	"granary/internal/platform/raster"
	"granary/internal/platform/web"
)

// Service is what the pages need; *demos.Service is one.
type Service interface {
	Apps() []*demos.App
	App(name string) (*demos.App, error)
	Models(app *demos.App, endpoint *manifest.Endpoint) ([]demos.Model, error)
	Sources(app *demos.App) ([]demos.Source, error)
	SourceFile(ctx context.Context, app *demos.App, uid, name string) (demos.Content, error)

	Start(ctx context.Context, app *demos.App, endpoint *manifest.Endpoint, in demos.Start) (*demos.Task, error)
	Cancel(ctx context.Context, id string) error
	Tasks(ctx context.Context, filter demos.TaskFilter) (demos.TaskPage, error)
	Task(ctx context.Context, id string) (*demos.Task, error)
	TaskOfJob(ctx context.Context, jobID string) (*demos.Task, error)
	Status(ctx context.Context, id string) (demos.Status, error)
	Documents(ctx context.Context, taskID string) ([]dataset.Document, error)
	Output(ctx context.Context, task *demos.Task) (json.RawMessage, error)
	Published(ctx context.Context, taskID string) ([]demos.File, error)
	TaskFile(ctx context.Context, taskID, name string) (demos.Content, error)
	Upload(ctx context.Context, task *demos.Task) ([]byte, error)
	Folder(ctx context.Context, kind, uid string) (dataset.Folder, error)
}

// Jobs and Journal are what runs the tasks; jobs.Engine and *journal.Journal
// are such.
type Jobs interface {
	Get(ctx context.Context, id string) (jobs.Job, error)
}

// Journal is what jobs say.
type Journal interface {
	View(ctx context.Context, jobID string) (journal.View, error)
	History(ctx context.Context, job jobs.Job) ([]journal.Event, error)
}

// Callbacks are what tasks told their front ends; *outbox.Outbox is one.
type Callbacks interface {
	Deliveries(ctx context.Context, stream string) ([]outbox.Delivery, error)
}

// Config is what the section is made of. All but Now is required.
type Config struct {
	Service   Service
	Jobs      Jobs
	Journal   Journal
	Callbacks Callbacks
	// Gate holds the picture limits.
	Gate raster.Gate
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
}

// Section is the demos part of the console.
type Section struct {
	cfg      Config
	service  Service
	thumbs   *thumbnail.Cache
	archives archives
}

// New returns the section.
func New(cfg Config) *Section {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Section{cfg: cfg, service: cfg.Service, thumbs: thumbnail.NewCache()}
}

// pages is the section bound to a kit.
type pages struct {
	*Section
	kit *ui.Kit
}

// maxForm caps the body of a form without files.
const maxForm = 256 << 10

// maxUpload caps the files of one start.
const maxUpload = 256 << 20

// Routes are the section's pages and actions.
func (s *Section) Routes(kit *ui.Kit, fail ui.Fail) []web.Route {
	p := &pages{s, kit}
	page := func(pattern string, h ui.Handler) web.Route {
		return ui.Route(pattern, web.StewardOnly, maxForm, h, fail)
	}
	return []web.Route{
		page("GET "+root, p.apps),
		page("GET "+root+"/apps/{app}", p.app),
		ui.Route("POST "+root+"/apps/{app}/start", web.StewardOnly, maxUpload, p.start, fail),
		page("GET "+root+"/tasks", p.tasks),
		page("GET "+root+"/tasks/{id}", p.task),
		page("POST "+root+"/tasks/{id}/cancel", p.cancel),
		page("GET "+root+"/tasks/{id}/files/{path...}", p.file),
		page("GET "+root+"/tasks/{id}/upload", p.upload),
		page("GET "+root+"/tasks/{id}/archive/{entry...}", p.archived),
		page("GET "+root+"/jobs/{job}", p.ofJob),
		page("GET "+root+"/pictures/{type}/{uid}/{path...}", p.picture),
		page("GET "+root+"/sources/{app}/{uid}/{entry...}", p.sourcePicture),
	}
}

var (
	_ Service   = (*demos.Service)(nil)
	_ Journal   = (*journal.Journal)(nil)
	_ Callbacks = (*outbox.Outbox)(nil)
)
