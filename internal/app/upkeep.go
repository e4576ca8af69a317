package app

import (
	"context"
	"errors"

	"granary/internal/platform/backup"
	"granary/internal/platform/blob"
	"granary/internal/platform/config"
	"granary/internal/platform/database"
	"granary/internal/platform/jobs/river"
)

// Migrate brings every schema up to date.
func Migrate(ctx context.Context, cfg *config.Config) error {
	return withDatabase(ctx, cfg, func(db *database.DB) error { return migrate(ctx, db) })
}

// MigrationStatus reports each schema's applied and pending migrations.
func MigrationStatus(ctx context.Context, cfg *config.Config) (states []database.MigrationState, err error) {
	err = withDatabase(ctx, cfg, func(db *database.DB) error {
		states, err = db.MigrationStatus(ctx, migrations(db)...)
		return err
	})
	return states, err
}

// withDatabase opens only the database.
func withDatabase(ctx context.Context, cfg *config.Config, fn func(*database.DB) error) error {
	db, err := database.Open(ctx, database.Config{URL: cfg.Database.URL, MaxConns: cfg.Database.MaxConns})
	if err != nil {
		return err
	}
	return errors.Join(fn(db), db.Close())
}

// Backup writes a copy of rows and blobs at one point in time into a new
// folder, while the server runs.
func (c *Core) Backup(ctx context.Context, folder, version string) (backup.Manifest, error) {
	return backup.Create(ctx, c.source(version), folder)
}

func (c *Core) source(version string) backup.Source {
	return backup.Source{DB: c.DB, Store: c.Blobs, Sets: migrations(c.DB), Version: version}
}

// Restore puts a backup into the configured stores, which must be empty. A
// backup of either database engine fits either; waiting jobs stay behind when
// the engine changes.
func Restore(ctx context.Context, cfg *config.Config, folder string) (manifest backup.Manifest, err error) {
	err = withDatabase(ctx, cfg, func(db *database.DB) error {
		if db.Pool() != nil {
			if err := river.Migrate(ctx, db); err != nil {
				return err
			}
		}
		bucket, err := blob.Open(ctx, blob.Config{URL: cfg.Blob.URL, Container: cfg.Blob.Container})
		if err != nil {
			return err
		}
		manifest, err = backup.Restore(ctx, folder, backup.Target{
			DB: db, Bucket: bucket, Sets: migrations(db), Discard: otherQueue(db),
		})
		return errors.Join(err, bucket.Close())
	})
	return manifest, err
}

// otherQueue names the tables of the job engine that db does not use.
func otherQueue(db *database.DB) []string {
	if db.Pool() != nil {
		return []string{"jobs"}
	}
	return []string{
		"jobs_river", "river_client", "river_client_queue", "river_job", "river_leader", "river_migration", "river_queue",
	}
}

// Check verifies digests, references and every service's invariants.
func (c *Core) Check(ctx context.Context) (backup.Report, error) {
	checks := map[string]backup.Checker{
		"vision": func(ctx context.Context) ([]backup.Problem, error) {
			broken, err := c.Vision.Check(ctx)
			problems := make([]backup.Problem, len(broken))
			for i, b := range broken {
				problems[i] = backup.Problem{Subject: b.Subject, What: b.What}
			}
			return problems, err
		},
		"audit": func(ctx context.Context) ([]backup.Problem, error) {
			report, err := c.Users.Audit().VerifyChain(ctx)
			if err != nil || report.Sound() {
				return nil, err
			}
			return []backup.Problem{{Subject: "audit trail", What: report.Problem}}, nil
		},
	}
	if c.Demos != nil {
		checks["demos"] = func(ctx context.Context) ([]backup.Problem, error) {
			broken, err := c.Demos.Check(ctx)
			problems := make([]backup.Problem, len(broken))
			for i, b := range broken {
				problems[i] = backup.Problem{Subject: b.Subject, What: b.What}
			}
			return problems, err
		}
	}
	return backup.Check(ctx, c.source(""), checks)
}
