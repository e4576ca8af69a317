// Package databasetest opens fresh, migrated databases for tests: SQLite
// always, PostgreSQL where GRANARY_TEST_POSTGRES names one. With
// REQUIRE_SERVICES=1 a missing PostgreSQL fails the test.
package databasetest

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"granary/internal/platform/database"
)

// Open returns a fresh SQLite database with the given migrations applied.
func Open(t testing.TB, sets ...database.Migrations) *database.DB {
	t.Helper()
	return open(t, "sqlite:"+filepath.Join(t.TempDir(), "test.db"), sets)
}

// Each runs fn once per engine, each on a fresh database.
func Each(t *testing.T, sets []database.Migrations, fn func(t *testing.T, db *database.DB)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		fn(t, Open(t, sets...))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		fn(t, open(t, PostgresURL(t), sets))
	})
}

// PostgresURL returns the URL of a fresh PostgreSQL schema that is dropped
// when the test ends; it skips or fails the test where there is no server.
func PostgresURL(t testing.TB) string {
	t.Helper()
	server := os.Getenv("GRANARY_TEST_POSTGRES")
	if server == "" {
		if os.Getenv("REQUIRE_SERVICES") == "1" {
			t.Fatal("GRANARY_TEST_POSTGRES is not set and REQUIRE_SERVICES=1")
		}
		t.Skip("GRANARY_TEST_POSTGRES is not set: not run on PostgreSQL")
	}
	conn, err := pgx.Connect(context.Background(), server)
	if err != nil {
		t.Fatalf("connect to %s: %v", server, err)
	}
	schema := "t" + strings.ReplaceAll(uuid.NewString(), "-", "")
	if _, err := conn.Exec(context.Background(), "CREATE SCHEMA "+schema); err != nil {
		t.Fatalf("create schema: %v", err)
	}
	t.Cleanup(func() {
		if _, err := conn.Exec(context.Background(), "DROP SCHEMA "+schema+" CASCADE"); err != nil {
			t.Errorf("drop schema: %v", err)
		}
		if err := conn.Close(context.Background()); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	u, err := url.Parse(server)
	if err != nil {
		t.Fatalf("parse GRANARY_TEST_POSTGRES: %v", err)
	}
	query := u.Query()
	query.Set("search_path", schema)
	u.RawQuery = query.Encode()
	return u.String()
}

func open(t testing.TB, address string, sets []database.Migrations) *database.DB {
	t.Helper()
	db, err := database.Open(t.Context(), database.Config{URL: address})
	if err != nil {
		t.Fatalf("Open(%s): %v", address, err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	if err := db.Migrate(t.Context(), sets...); err != nil {
		t.Fatalf("Migrate: %v", err)
	}
	return db
}
