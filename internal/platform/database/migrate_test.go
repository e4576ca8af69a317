package database_test

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"granary/internal/platform/database"
	"granary/internal/platform/database/databasetest"
)

// eachURL runs fn with the URL of an empty database of each engine.
func eachURL(t *testing.T, fn func(t *testing.T, url string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		fn(t, "sqlite:"+filepath.Join(t.TempDir(), "test.db"))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		fn(t, databasetest.PostgresURL(t))
	})
}

func open(t *testing.T, url string) *database.DB {
	t.Helper()
	db, err := database.Open(t.Context(), database.Config{URL: url})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return db
}

func state(t *testing.T, db *database.DB, set database.Migrations) database.MigrationState {
	t.Helper()
	states, err := db.MigrationStatus(t.Context(), set)
	if err != nil || len(states) != 1 {
		t.Fatalf("MigrationStatus = %v, %v, want one state", states, err)
	}
	return states[0]
}

func TestMigrateStepByStep(t *testing.T) {
	t.Parallel()
	eachURL(t, func(t *testing.T, url string) {
		db := open(t, url)
		all := seeds(1, 2)
		if diff := cmp.Diff(database.MigrationState{Owner: "seeds", Pending: []int64{1, 2}}, state(t, db, all)); diff != "" {
			t.Errorf("state of an empty database (-want +got):\n%s", diff)
		}
		if err := db.MigrateTo(t.Context(), map[string]int64{"seeds": 1}, all); err != nil {
			t.Fatalf("MigrateTo(1): %v", err)
		}
		if diff := cmp.Diff(database.MigrationState{Owner: "seeds", Applied: []int64{1}, Pending: []int64{2}}, state(t, db, all)); diff != "" {
			t.Errorf("state after MigrateTo(1) (-want +got):\n%s", diff)
		}
		for range 2 { // the second time has nothing to do
			if err := db.Migrate(t.Context(), all); err != nil {
				t.Fatalf("Migrate: %v", err)
			}
		}
		if diff := cmp.Diff(database.MigrationState{Owner: "seeds", Applied: []int64{1, 2}}, state(t, db, all)); diff != "" {
			t.Errorf("state after Migrate (-want +got):\n%s", diff)
		}
		if err := db.Migrate(t.Context(), seeds(1)); err == nil {
			t.Error("Migrate by an older binary = nil, want a refusal")
		}
		if err := db.MigrateTo(t.Context(), map[string]int64{"seeds": 9}, all); err == nil {
			t.Error("MigrateTo(unknown version) = nil, want a refusal")
		}
	})
}

func TestBrokenMigrationLeavesTheLastGoodVersion(t *testing.T) {
	t.Parallel()
	eachURL(t, func(t *testing.T, url string) {
		db := open(t, url)
		if err := db.Migrate(t.Context(), seeds(1, 2, 3)); err == nil {
			t.Fatal("Migrate with a broken file = nil, want an error")
		}
		if diff := cmp.Diff([]int64{1, 2}, state(t, db, seeds(1, 2, 3)).Applied); diff != "" {
			t.Errorf("applied (-want +got):\n%s", diff)
		}
	})
}

func TestServersMigrateSideBySide(t *testing.T) {
	t.Parallel()
	eachURL(t, func(t *testing.T, url string) {
		const servers = 4
		var group sync.WaitGroup
		errs := make([]error, servers)
		for i := range servers {
			group.Go(func() {
				db, err := database.Open(context.Background(), database.Config{URL: url})
				if err == nil {
					err = errors.Join(db.Migrate(t.Context(), seeds(1, 2)), db.Close())
				}
				errs[i] = err
			})
		}
		group.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Errorf("servers that start together: %v", err)
		}
	})
}
