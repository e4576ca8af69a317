package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"granary/internal/demos"
	"granary/internal/platform/blob"
	"granary/internal/platform/config"
	"granary/internal/platform/database"
	"granary/internal/platform/fault"
	"granary/internal/platform/identity"
	"granary/internal/platform/jobs"
	"granary/internal/platform/jobs/journal"
	"granary/internal/platform/jobs/local"
	"granary/internal/platform/jobs/outbox"
	"granary/internal/platform/jobs/river"
	"granary/internal/platform/raster"
	"granary/internal/platform/secrets"
	"granary/internal/platform/telemetry"
	"granary/internal/platform/web"
	"granary/internal/vision"
	"granary/internal/vision/engine"
	"granary/internal/vision/engine/azureml"
	"granary/internal/vision/engine/fixed"
	"granary/internal/vision/engine/openinference"
	"granary/internal/vision/engine/remote"
	modelworker "granary/internal/vision/engine/worker"
)

// Core is the platform and the services, opened but not serving. Commands
// work on it beside a running server.
type Core struct {
	Config *config.Config
	Log    *slog.Logger
	DB     *database.DB
	Blobs  *blob.Store
	Sealer secrets.Sealer
	Users  *identity.Service
	Jobs   jobs.Engine
	// JobMetrics hear of every attempt of Jobs.
	JobMetrics *telemetry.JobMetrics
	// Journal keeps what the jobs say.
	Journal *journal.Journal
	Vision  *vision.Service
	// Demos and Outbox are nil when the service does not run.
	Demos  *demos.Service
	Outbox *outbox.Outbox

	closers []func() error
}

// migrations returns every schema of the engine's in the order in which they
// are applied.
func migrations(db *database.DB) []database.Migrations {
	queue := local.Migrations()
	if db.Pool() != nil {
		queue = river.Migrations()
	}
	return []database.Migrations{identity.Migrations(), blob.Migrations(), queue, journal.Migrations(), outbox.Migrations(), vision.Migrations(), demos.Migrations()}
}

// migrate brings every schema up to date.
func migrate(ctx context.Context, db *database.DB) error {
	if db.Pool() != nil {
		if err := river.Migrate(ctx, db); err != nil {
			return err
		}
	}
	return db.Migrate(ctx, migrations(db)...)
}

// Open connects to every store, brings the schema up to date and puts the
// services together.
func Open(ctx context.Context, cfg *config.Config, log *slog.Logger) (core *Core, err error) {
	c := &Core{Config: cfg, Log: log, JobMetrics: telemetry.NewJobMetrics()}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
		}
	}()
	if c.DB, err = database.Open(ctx, database.Config{URL: cfg.Database.URL, MaxConns: cfg.Database.MaxConns}); err != nil {
		return nil, err
	}
	c.closers = append(c.closers, c.DB.Close)
	if err := migrate(ctx, c.DB); err != nil {
		return nil, err
	}
	if err := c.openStores(ctx); err != nil {
		return nil, err
	}
	c.Users = identity.New(c.DB, c.identityConfig(), log)
	c.Journal = journal.New(c.DB, journal.Config{Log: log})
	registry := jobs.NewRegistry()
	c.Vision = vision.New(vision.Deps{
		DB: c.DB, Blobs: c.Blobs, Users: c.Users, Sealer: c.Sealer, Log: log,
		Engines: c.engines(),
	}, c.visionConfig())
	c.closers = append(c.closers, c.Vision.Close)
	if err := c.Vision.Register(registry); err != nil {
		return nil, err
	}
	if c.runs("demos") {
		if err := c.openDemos(); err != nil {
			return nil, err
		}
		if err := c.Demos.Register(registry); err != nil {
			return nil, err
		}
	}
	if c.Jobs, err = c.openJobs(registry); err != nil {
		return nil, err
	}
	c.Vision.SetJobs(c.Jobs)
	if c.Demos != nil {
		c.Demos.SetJobs(c.Jobs)
	}
	return c, c.Vision.EnsureStandard(ctx)
}

func (c *Core) openStores(ctx context.Context) error {
	bucket, err := blob.Open(ctx, blob.Config{URL: c.Config.Blob.URL, Container: c.Config.Blob.Container})
	if err != nil {
		return err
	}
	c.Blobs = blob.NewStore(c.DB, bucket, blob.StoreConfig{Logger: c.Log})
	c.closers = append(c.closers, c.Blobs.Close)
	if c.Config.Secrets.Key != "" {
		c.Sealer, err = secrets.ParseKey(c.Config.Secrets.Key)
	} else {
		c.Sealer, err = secrets.OpenKeyFile(c.Config.Secrets.KeyFile)
	}
	return err
}

// engines are the adapters that pipelines may name, besides the built-in one.
func (c *Core) engines() map[string]engine.Engine {
	programs := modelworker.New(modelworker.Config{Temp: filepath.Join(c.Config.Data, "tmp", "models"), Log: c.Log})
	c.closers = append(c.closers, programs.Close)
	engines := map[string]engine.Engine{
		azureml.Name: azureml.New(remote.Config{}), openinference.Name: openinference.New(remote.Config{}), modelworker.Name: programs,
	}
	if c.Config.Vision.Nachet.TestPipeline {
		engines[fixed.Name] = fixed.Engine{}
	}
	return engines
}

// openJobs picks the engine that belongs to the database.
func (c *Core) openJobs(registry *jobs.Registry) (jobs.Engine, error) {
	slots, err := byQueue("jobs.queue_slots", c.Config.Jobs.QueueSlots)
	if err != nil {
		return nil, err
	}
	weights, err := byQueue("jobs.weights", c.Config.Jobs.Weights)
	if err != nil {
		return nil, err
	}
	if err := checkQueues(registry, c.Config.Jobs.Queues); err != nil {
		return nil, err
	}
	cfg := jobs.Config{
		Queues: c.Config.Jobs.Queues, QueueSlots: slots, Weights: weights, CPUShares: c.Config.Jobs.CPUShares,
		Slots: c.Config.Jobs.Slots, Grace: c.Config.Jobs.DrainTimeout, MaxWaiting: c.Config.Jobs.MaxWaiting,
		Retention: c.Config.Jobs.Retention, KeepFinished: c.Config.Jobs.KeepFinished, Log: c.Log,
		Recorder: c.Journal, Devices: c.Config.Jobs.Devices, Observer: c.JobMetrics,
	}
	if c.DB.Pool() == nil {
		return local.New(c.DB, registry, cfg)
	}
	return river.New(c.DB, registry, cfg)
}

// checkQueues refuses names that are no queue: whoever misspells one would
// wait for jobs in vain.
func checkQueues(registry *jobs.Registry, names []string) error {
	var known []string
	for _, kind := range registry.Kinds() {
		if policy, ok := registry.Policy(kind); ok && !slices.Contains(known, policy.Queue) {
			known = append(known, policy.Queue)
		}
	}
	slices.Sort(known)
	for _, name := range names {
		if !slices.Contains(known, name) {
			return fault.New(fault.Invalid, "jobs.queues: there is no queue %q; there are %s", name, strings.Join(known, ", "))
		}
	}
	return nil
}

// byQueue reads pairs of QUEUE=N.
func byQueue(key string, pairs []string) (map[string]int, error) {
	numbers := make(map[string]int, len(pairs))
	for _, pair := range pairs {
		queue, text, _ := strings.Cut(pair, "=")
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%s: %q is not QUEUE=N with a number from 1", key, pair)
		}
		numbers[strings.TrimSpace(queue)] = n
	}
	return numbers, nil
}

func (c *Core) identityConfig() identity.Config {
	id := c.Config.Identity
	return identity.Config{
		PublicURL: c.Config.Web.PublicURL, SessionIdle: id.SessionIdle, SessionAbsolute: id.SessionAbsolute,
		LoginPerMinute: id.LoginPerMinute, RequestID: web.RequestID, Secure: web.IsSecure,
		Vouch: identity.VouchConfig{
			CookieName: id.Vouch.CookieName, Secret: id.Vouch.Secret, Issuer: id.Vouch.Issuer,
			AllowUnverified: id.Vouch.AllowUnverified,
		},
	}
}

func (c *Core) visionConfig() vision.Config {
	v := c.Config.Vision
	return vision.Config{
		ArchiveEmail: v.Nachet.DevUserEmail, BatchExpiry: v.Nachet.BatchExpiry,
		BatchMaxPictures: v.Nachet.BatchMaxPictures, MaxBoxes: v.MaxBoxes, RetrainAfter: v.RetrainAfter,
		Gate: c.gate(),
	}
}

// decodeBudget bounds the memory of pictures that are decoded at the same
// time; it fits one picture of the default limit at a time.
const decodeBudget = 256 << 20

func (c *Core) gate() raster.Gate {
	v := c.Config.Vision
	return raster.Gate{
		MaxPixels: int(v.MaxPixels), MaxFrames: v.MaxFrames, MaxSide: v.MaxSide,
		MaxBytes: int64(v.MaxFileBytes), Budget: raster.NewBudget(decodeBudget),
	}
}

// Close releases everything in the reverse order of opening.
func (c *Core) Close() error {
	var errs []error
	for i := len(c.closers) - 1; i >= 0; i-- {
		errs = append(errs, c.closers[i]())
	}
	c.closers = nil
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close: %w", err)
	}
	return nil
}
