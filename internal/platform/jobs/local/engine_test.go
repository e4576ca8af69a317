package local_test

import (
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"granary/internal/platform/database"
	"granary/internal/platform/database/databasetest"
	"granary/internal/platform/jobs"
	"granary/internal/platform/jobs/jobstest"
	"granary/internal/platform/jobs/local"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestNewRefusesPostgres(t *testing.T) {
	t.Parallel()
	db, err := database.Open(t.Context(), database.Config{URL: databasetest.PostgresURL(t)})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	if _, err := local.New(db, jobs.NewRegistry(), jobs.Config{}); err == nil {
		t.Error("New(postgres) = nil error, want one")
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	jobstest.Run(t, func(t *testing.T) jobstest.Store {
		t.Helper()
		db := databasetest.Open(t, local.Migrations())
		var ahead atomic.Int64
		now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		return jobstest.Store{
			DB: db, Now: now,
			New: func(t *testing.T, reg *jobs.Registry, cfg jobs.Config) jobs.Engine {
				t.Helper()
				engine, err := local.New(db, reg, cfg)
				if err != nil {
					t.Fatalf("New: %v", err)
				}
				return engine
			},
			Expire: func(*testing.T, string) { ahead.Add(int64(2 * time.Hour)) },
		}
	})
}
