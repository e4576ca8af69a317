package river

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"granary/internal/platform/database"
)

//go:embed migrations/*.sql
var files embed.FS

// Migrations returns the schema of the companion table, which needs River's
// own to be there already; Migrate applies both.
func Migrations() database.Migrations {
	sub, err := fs.Sub(files, "migrations")
	if err != nil {
		panic(err) // the path is a constant of this file
	}
	return database.Migrations{Owner: "jobs_river", Files: sub}
}

// The lock is per schema: granaries may share a database.
const (
	lockSQL   = "SELECT pg_advisory_lock(hashtextextended('granary_jobs.' || current_schema(), 0))"
	unlockSQL = "SELECT pg_advisory_unlock(hashtextextended('granary_jobs.' || current_schema(), 0))"
)

// Migrate brings River's tables and the companion up to date in the current
// schema (the first of the URL's search_path). Servers that start side by
// side take turns. It needs two connections.
func Migrate(ctx context.Context, db *database.DB) (err error) {
	if db.Pool() == nil {
		return errNotPostgres
	}
	// Without a set this makes the schema, which River takes for granted.
	if err := db.Migrate(ctx); err != nil {
		return err
	}
	migrator, err := rivermigrate.New(riverpgxv5.New(db.Pool()), &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return fmt.Errorf("river migrations: %w", err)
	}
	conn, err := db.Pool().Acquire(ctx)
	if err != nil {
		return fmt.Errorf("lock river migrations: %w", err)
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, lockSQL); err != nil {
		return fmt.Errorf("lock river migrations: %w", err)
	}
	defer func() {
		_, unlockErr := conn.Exec(context.WithoutCancel(ctx), unlockSQL)
		err = errors.Join(err, unlockErr)
	}()
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("migrate river: %w", err)
	}
	return db.Migrate(ctx, Migrations())
}
