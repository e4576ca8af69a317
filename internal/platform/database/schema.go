package database

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// makeSchema creates the PostgreSQL schema that the URL's search_path names
// first, as a SQLite file is created when absent. An existing one is left as
// it is, so that an account without the right to create schemas can be used.
func (d *DB) makeSchema(ctx context.Context) error {
	path := d.pool.Config().ConnConfig.RuntimeParams["search_path"]
	first, _, _ := strings.Cut(path, ",")
	schema := strings.Trim(strings.TrimSpace(first), `"`)
	if schema == "" || schema == "$user" {
		return nil
	}
	var exists bool
	const query = "SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = $1)"
	if err := d.pool.QueryRow(ctx, query, schema).Scan(&exists); err != nil {
		return fmt.Errorf("look for schema %s: %w", schema, err)
	}
	if exists {
		return nil
	}
	_, err := d.pool.Exec(ctx, "CREATE SCHEMA IF NOT EXISTS "+pgx.Identifier{schema}.Sanitize())
	// IF NOT EXISTS still fails for the later of two servers that create it
	// at the same instant.
	if err != nil && !IsUnique(err) {
		return fmt.Errorf("create schema %s: %w", schema, err)
	}
	return nil
}
