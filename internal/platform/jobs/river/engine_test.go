package river_test

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"

	"granary/internal/platform/database"
	"granary/internal/platform/database/databasetest"
	"granary/internal/platform/jobs"
	"granary/internal/platform/jobs/jobstest"
	"granary/internal/platform/jobs/river"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// openDatabase returns a fresh schema with the tables of the engine.
func openDatabase(t *testing.T) *database.DB {
	t.Helper()
	db, err := database.Open(t.Context(), database.Config{URL: databasetest.PostgresURL(t)})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	if err := river.Migrate(t.Context(), db); err != nil {
		t.Fatalf("Migrate: %v", err)
	}
	return db
}

func TestConformance(t *testing.T) {
	t.Parallel()
	databasetest.PostgresURL(t) // one clear line instead of one per test
	jobstest.Run(t, func(t *testing.T) jobstest.Store {
		t.Helper()
		db := openDatabase(t)
		return jobstest.Store{
			DB: db, Now: time.Now,
			New: func(t *testing.T, reg *jobs.Registry, cfg jobs.Config) jobs.Engine {
				t.Helper()
				engine, err := river.New(db, reg, cfg)
				if err != nil {
					t.Fatalf("New: %v", err)
				}
				return engine
			},
			Expire: func(t *testing.T, id string) {
				t.Helper()
				err := db.InTx(t.Context(), func(ctx context.Context, tx database.Tx) error {
					_, err := tx.NewRaw("UPDATE jobs_river SET lease_until = lease_until - interval '2 hours' WHERE id = ?", id).Exec(ctx)
					return err
				})
				if err != nil {
					t.Fatalf("expire lease: %v", err)
				}
			},
		}
	})
}

func TestSQLiteIsRefused(t *testing.T) {
	t.Parallel()
	db := databasetest.Open(t)
	if err := river.Migrate(t.Context(), db); err == nil {
		t.Error("Migrate(sqlite) = nil, want an error")
	}
	if _, err := river.New(db, jobs.NewRegistry(), jobs.Config{}); err == nil {
		t.Error("New(sqlite) = nil error, want one")
	}
}

func TestMigrateTwice(t *testing.T) {
	t.Parallel()
	db := openDatabase(t)
	errs := make(chan error, 2)
	for range cap(errs) { // two servers that start side by side
		go func() { errs <- river.Migrate(t.Context(), db) }()
	}
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Errorf("Migrate again: %v", err)
		}
	}
}
