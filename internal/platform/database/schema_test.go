package database_test

import (
	"net/url"
	"sync"
	"testing"
	"testing/fstest"

	"granary/internal/platform/database"
	"granary/internal/platform/database/databasetest"
)

// TestMigrateMakesTheSchema starts four servers at once on a schema that does
// not exist yet.
func TestMigrateMakesTheSchema(t *testing.T) {
	t.Parallel()
	address, err := url.Parse(databasetest.PostgresURL(t))
	if err != nil {
		t.Fatal(err)
	}
	query := address.Query()
	// The name needs quotes, as nachet_0.0.11 does.
	schema := query.Get("search_path") + "-New.1"
	query.Set("search_path", `"`+schema+`", public`)
	address.RawQuery = query.Encode()
	set := database.Migrations{Owner: "schema_test", Files: fstest.MapFS{
		"00001_things.sql": {Data: []byte("-- +goose Up\nCREATE TABLE schema_test_things (id TEXT PRIMARY KEY);\n")},
	}}
	var wait sync.WaitGroup
	for range 4 {
		db, err := database.Open(t.Context(), database.Config{URL: address.String(), MaxConns: 2})
		if err != nil {
			t.Fatalf("Open: %v", err)
		}
		defer func() {
			if err := db.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		}()
		wait.Go(func() {
			if err := db.Migrate(t.Context(), set); err != nil {
				t.Errorf("Migrate: %v", err)
			}
		})
		defer wait.Wait()
	}
	wait.Wait()
	db, err := database.Open(t.Context(), database.Config{URL: address.String()})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	defer func() {
		if _, err := db.Pool().Exec(t.Context(), `DROP SCHEMA "`+schema+`" CASCADE`); err != nil {
			t.Errorf("drop schema: %v", err)
		}
		if err := db.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}()
	var at string
	if err := db.Reader().NewRaw("SELECT table_schema FROM information_schema.tables WHERE table_name = 'schema_test_things' AND table_schema = ?", schema).Scan(t.Context(), &at); err != nil || at != schema {
		t.Errorf("the table is in schema %q, %v, want %q", at, err, schema)
	}
}
