package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/pressly/goose/v3/lock"
)

// schemaLock makes servers that start side by side on one PostgreSQL schema
// take turns at migrating. It waits in the server, where goose's own lock
// polls every five seconds and knows only one lock for the whole database.
type schemaLock struct{}

var _ lock.SessionLocker = schemaLock{}

const schemaLockKey = "hashtext('granary migrations'), hashtext(current_schema())"

// SessionLock waits for the lock until ctx ends.
func (schemaLock) SessionLock(ctx context.Context, conn *sql.Conn) error {
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock("+schemaLockKey+")"); err != nil {
		return fmt.Errorf("wait for other servers' migrations: %w", err)
	}
	return nil
}

// SessionUnlock lets the next one go on.
func (schemaLock) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	var held bool
	err := conn.QueryRowContext(ctx, "SELECT pg_advisory_unlock("+schemaLockKey+")").Scan(&held)
	if err == nil && !held {
		err = errors.New("the migration lock was lost")
	}
	return err
}
