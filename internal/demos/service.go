package demos

import (
	"embed"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"time"

	"granary/internal/demos/dataset"
	"granary/internal/platform/blob"
	"granary/internal/platform/database"
	"granary/internal/platform/jobs"
	"granary/internal/platform/jobs/journal"
	"granary/internal/platform/jobs/outbox"
	"granary/internal/platform/raster"
	"granary/internal/platform/worker"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations returns the schema of the demos tables.
func Migrations() database.Migrations {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // the folder is embedded above: this cannot happen
	}
	return database.Migrations{Owner: "demos", Files: files}
}

// Config holds the service's settings.
type Config struct {
	// Folder is the data folder: cached documents, models, sources and the
	// private views of running jobs.
	Folder string
	// PublicURL is the start of every address that front ends are given.
	// Empty takes the address of the start request.
	PublicURL string
	// Grace is how long after a start its first callback leaves. Defaults to 1 s.
	Grace time.Duration
	// MaxCallback is the largest callback in bytes that front ends accept;
	// what is optional is left out of a larger one. Defaults to 25 MB.
	MaxCallback int
	// Retention is for how long ended tasks, their results and unused
	// documents are kept. Defaults to for ever.
	Retention time.Duration
	// Compat says for which front ends outputs are shaped.
	Compat Compat
	// Program is the path of this binary, which runs the built-in apps.
	Program string
	// Inherit names environment variables that every worker gets.
	Inherit []string
	// Environment are variables, NAME=value, that every worker gets.
	Environment []string
	// Gate judges uploaded pictures.
	Gate raster.Gate
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
}

// Deps are the parts of the house that the service stands on.
type Deps struct {
	DB      *database.DB
	Blobs   *blob.Store
	Outbox  *outbox.Outbox
	Journal *journal.Journal
	Workers *worker.Pool
	Library *dataset.Library
	Log     *slog.Logger
}

// Service is the demos service. Safe for concurrent use.
type Service struct {
	cfg     Config
	apps    []*App
	db      *database.DB
	blobs   *blob.Store
	outbox  *outbox.Outbox
	journal *journal.Journal
	workers *worker.Pool
	library *dataset.Library
	jobs    jobs.Engine
	log     *slog.Logger
	sizes   sizes
	polled  polled
	views   *views
}

// New returns the service with its apps. Close it.
func New(deps Deps, apps []*App, cfg Config) (*Service, error) {
	if cfg.Grace <= 0 {
		cfg.Grace = time.Second
	}
	if cfg.MaxCallback <= 0 {
		cfg.MaxCallback = 25 << 20
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	views, err := openViews(filepath.Join(cfg.Folder, "tmp", "views"))
	if err != nil {
		return nil, err
	}
	return &Service{
		cfg: cfg, apps: apps, db: deps.DB, blobs: deps.Blobs, outbox: deps.Outbox, journal: deps.Journal,
		workers: deps.Workers, library: deps.Library, log: deps.Log, views: views,
	}, nil
}

// Close lets go of the data folder. No job runs any more.
func (s *Service) Close() error { return s.views.close() }

// Register adds the job kind of every app, and the one that keeps the retention.
func (s *Service) Register(registry *jobs.Registry) error {
	for _, app := range s.apps {
		if err := jobs.RegisterKind(registry, app.JobKind(), s.policy(app), s.run); err != nil {
			return fmt.Errorf("app %s: %w", app.Name, err)
		}
	}
	return s.registerRetention(registry)
}

// SetJobs gives the service the engine that runs what Register added to its
// registry. Call it before the first operation.
func (s *Service) SetJobs(engine jobs.Engine) { s.jobs = engine }

// now returns the time in UTC at the precision that both databases keep.
func (s *Service) now() time.Time { return s.cfg.Now().UTC().Truncate(time.Microsecond) }

// taskArgs are the arguments of an app's job.
type taskArgs struct {
	App  string `json:"app"`
	Task string `json:"task"`
}

// Kind implements jobs.Args.
func (a taskArgs) Kind() string { return "demo_" + a.App }

// PublicURL is the configured start of addresses; empty without one.
func (s *Service) PublicURL() string { return s.cfg.PublicURL }
