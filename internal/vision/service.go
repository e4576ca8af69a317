package vision

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"sync/atomic"
	"time"

	"granary/internal/platform/blob"
	"granary/internal/platform/database"
	"granary/internal/platform/fault"
	"granary/internal/platform/identity"
	"granary/internal/platform/jobs"
	"granary/internal/platform/raster"
	"granary/internal/platform/secrets"
	"granary/internal/vision/engine"
	"granary/internal/vision/engine/builtin"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations returns the schema of the vision tables; it needs identity's.
func Migrations() database.Migrations {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // the folder is embedded above: this cannot happen
	}
	return database.Migrations{Owner: "vision", Files: files}
}

// Config holds the service's settings.
type Config struct {
	// ArchiveEmail is the account that receives the validated pictures of a
	// deleted folder. Empty refuses deletion with archive.
	ArchiveEmail string
	// BatchExpiry is how long a batch session takes pictures. Defaults to 24 h.
	BatchExpiry time.Duration
	// BatchMaxPictures bounds one batch session. Defaults to 1,000.
	BatchMaxPictures int
	// MaxBoxes bounds the boxes of one inference. Defaults to 5,000.
	MaxBoxes int
	// RetrainAfter is how many newly verified boxes start a retraining;
	// 0 leaves retraining to the command. Defaults to 0.
	RetrainAfter int
	// ValidationExpiry is how long an approved picture's digest is remembered.
	// Defaults to 24 h.
	ValidationExpiry time.Duration
	// Gate holds the picture limits.
	Gate raster.Gate
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
}

// Deps are the parts of the platform that the service stands on.
type Deps struct {
	DB     *database.DB
	Blobs  *blob.Store
	Users  *identity.Service
	Sealer secrets.Sealer
	// Engines run the models of pipelines by name; the built-in one is the
	// service's own.
	Engines map[string]engine.Engine
	Log     *slog.Logger
}

// Service is the vision service. Safe for concurrent use.
type Service struct {
	cfg       Config
	db        *database.DB
	blobs     *blob.Store
	users     *identity.Service
	sealer    secrets.Sealer
	jobs      jobs.Engine
	log       *slog.Logger
	pipelines *pipelineCache
	listings  *listingCache
	models    *modelSource
	health    *healthWatch

	validations atomic.Uint64 // taken since the start
}

// New returns the service. Close releases the models it opened.
func New(deps Deps, cfg Config) *Service {
	if cfg.BatchExpiry <= 0 {
		cfg.BatchExpiry = 24 * time.Hour
	}
	if cfg.BatchMaxPictures <= 0 {
		cfg.BatchMaxPictures = 1000
	}
	if cfg.MaxBoxes <= 0 {
		cfg.MaxBoxes = 5000
	}
	if cfg.ValidationExpiry <= 0 {
		cfg.ValidationExpiry = 24 * time.Hour
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	s := &Service{
		cfg: cfg, db: deps.DB, blobs: deps.Blobs, users: deps.Users, sealer: deps.Sealer,
		log: deps.Log, listings: newListingCache(), health: newHealthWatch(),
	}
	s.models = &modelSource{service: s}
	engines := map[string]engine.Engine{builtinEngine: builtin.New(s.models)}
	maps.Copy(engines, deps.Engines)
	s.pipelines = &pipelineCache{service: s, engines: engines, open: map[string]openPipeline{}}
	return s
}

// SetJobs gives the service the engine that runs what Register added to its
// registry. Call it before the first operation.
func (s *Service) SetJobs(engine jobs.Engine) { s.jobs = engine }

// Close releases every opened model.
func (s *Service) Close() error { return s.pipelines.close() }

// now returns the time in UTC at the precision that both databases keep.
func (s *Service) now() time.Time { return s.cfg.Now().UTC().Truncate(time.Microsecond) }

// found turns a missing row into the given error and wraps any other.
func found(err error, missing *fault.Error, doing string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrNoRows):
		return missing
	default:
		return fmt.Errorf("%s: %w", doing, err)
	}
}

// changed turns a statement that touched no row into the given error.
func changed(result sql.Result, err error, missing *fault.Error, doing string) error {
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	n, err := result.RowsAffected()
	if err == nil && n == 0 {
		return missing
	}
	return err
}

// requireAccount returns ErrNoUser unless the account exists and is enabled:
// a door that takes the user from the body has asked nobody else.
func (s *Service) requireAccount(ctx context.Context, id string) error {
	user, err := s.users.UserByID(ctx, id)
	if fault.Is(err, fault.NotFound) || err == nil && user.Disabled {
		return ErrNoUser
	}
	return err
}

// caller returns the principal and requires its account to exist. A command
// of the operator has no account.
func (s *Service) caller(ctx context.Context) (identity.Principal, error) {
	p, err := identity.Require(ctx)
	if err != nil {
		return p, err
	}
	if p.Method == identity.MethodSystem {
		return p, nil
	}
	return p, s.requireAccount(ctx, p.UserID)
}

// Gate returns the picture limits in force.
func (s *Service) Gate() raster.Gate { return s.cfg.Gate }
