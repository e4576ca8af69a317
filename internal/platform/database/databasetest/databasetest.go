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
func Open(tb testing.TB, sets ...database.Migrations) *database.DB {
	tb.Helper()
	return open(tb, "sqlite:"+filepath.Join(tb.TempDir(), "test.db"), sets)
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
func PostgresURL(tb testing.TB) string {
	tb.Helper()
	server := os.Getenv("GRANARY_TEST_POSTGRES")
	if server == "" {
		if os.Getenv("REQUIRE_SERVICES") == "1" {
			tb.Fatal("GRANARY_TEST_POSTGRES is not set and REQUIRE_SERVICES=1")
		}
		tb.Skip("GRANARY_TEST_POSTGRES is not set: not run on PostgreSQL")
	}
	conn, err := pgx.Connect(context.Background(), server)
	if err != nil {
		tb.Fatalf("connect to %s: %v", server, err)
	}
	schema := "t" + strings.ReplaceAll(uuid.NewString(), "-", "")
	if _, err := conn.Exec(context.Background(), "CREATE SCHEMA "+schema); err != nil {
		tb.Fatalf("create schema: %v", err)
	}
	tb.Cleanup(func() {
		if _, err := conn.Exec(context.Background(), "DROP SCHEMA "+schema+" CASCADE"); err != nil {
			tb.Errorf("drop schema: %v", err)
		}
		if err := conn.Close(context.Background()); err != nil {
			tb.Errorf("close: %v", err)
		}
	})
	u, err := url.Parse(server)
	if err != nil {
		tb.Fatalf("parse GRANARY_TEST_POSTGRES: %v", err)
	}
	query := u.Query()
	query.Set("search_path", schema)
	u.RawQuery = query.Encode()
	return u.String()
}

func open(tb testing.TB, address string, sets []database.Migrations) *database.DB {
	tb.Helper()
	db, err := database.Open(tb.Context(), database.Config{URL: address})
	if err != nil {
		tb.Fatalf("Open(%s): %v", address, err)
	}
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Errorf("Close: %v", err)
		}
	})
	if err := db.Migrate(tb.Context(), sets...); err != nil {
		tb.Fatalf("Migrate: %v", err)
	}
	return db
}
