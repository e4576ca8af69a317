package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
	"modernc.org/sqlite"
	sqlitelib "modernc.org/sqlite/lib"
)

// maxAttempts bounds how often InTx runs fn when the database asks for a retry.
const maxAttempts = 8

// InTx runs fn in a write transaction and commits when fn returns nil. A
// commit is durable when InTx returns. When the database reports a conflict
// (serialisation failure, deadlock, busy) the whole of fn runs again, so fn
// must have no effect but its queries. Rows are read at REPEATABLE READ or
// better.
func (d *DB) InTx(ctx context.Context, fn func(ctx context.Context, tx Tx) error) error {
	return d.attempts(ctx, "", fn)
}

func (d *DB) attempts(ctx context.Context, turn string, fn func(ctx context.Context, tx Tx) error) error {
	for attempt := 1; ; attempt++ {
		var after []func()
		err := d.once(ctx, turn, &after, fn)
		if err == nil {
			for _, told := range after {
				told()
			}
		}
		if err == nil || attempt == maxAttempts || !retryable(err) {
			return err
		}
		wait := time.Duration(attempt*attempt)*5*time.Millisecond + rand.N(10*time.Millisecond)
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(wait):
		}
	}
}

// firstContact opens the first connection. When several processes make a new
// file at once the switch to WAL answers BUSY without asking the busy handler
// (sqlite.org/wal.html, section 9), so it is tried again for as long as the
// handler would have waited.
func firstContact(ctx context.Context, db *sql.DB) error {
	const attempts, pause = 200, 50 * time.Millisecond
	for attempt := 1; ; attempt++ {
		err := db.PingContext(ctx)
		if err == nil || attempt == attempts || !retryable(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(pause):
		}
	}
}

func (d *DB) once(ctx context.Context, turn string, after *[]func(), fn func(ctx context.Context, tx Tx) error) error {
	if d.pool != nil {
		return d.oncePostgres(ctx, turn, after, fn)
	}
	return d.write.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		return fn(ctx, Tx{IDB: tx, after: after})
	})
}

// oncePostgres begins the transaction on the pgx connection itself, so that
// bun's queries and pgx's share it.
func (d *DB) oncePostgres(
	ctx context.Context, turn string, after *[]func(), fn func(ctx context.Context, tx Tx) error,
) (err error) {
	conn, err := d.write.Conn(ctx)
	if err != nil {
		return fmt.Errorf("take connection: %w", err)
	}
	defer func() {
		if closeErr := conn.Close(); closeErr != nil && !errors.Is(closeErr, sql.ErrConnDone) {
			err = errors.Join(err, closeErr)
		}
	}()
	var raw *pgx.Conn
	if err := conn.Raw(func(driverConn any) error {
		raw = driverConn.(*stdlib.Conn).Conn()
		return nil
	}); err != nil {
		return fmt.Errorf("take connection: %w", err)
	}
	if turn != "" {
		release, err := lockTurn(ctx, raw, turn)
		if err != nil {
			return err
		}
		defer release()
	}
	return pgx.BeginTxFunc(ctx, raw, pgx.TxOptions{IsoLevel: pgx.RepeatableRead}, func(tx pgx.Tx) error {
		return fn(ctx, Tx{IDB: conn, pg: tx, after: after})
	})
}

// retryable reports whether running the transaction again may succeed:
// PostgreSQL 40001 and 40P01 (manual, appendix A), SQLite BUSY and LOCKED.
func retryable(err error) bool {
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		return pgErr.Code == "40001" || pgErr.Code == "40P01"
	}
	var liteErr *sqlite.Error
	if errors.As(err, &liteErr) {
		code := liteErr.Code() & 0xff
		return code == sqlitelib.SQLITE_BUSY || code == sqlitelib.SQLITE_LOCKED
	}
	return false
}

// IsUnique reports whether err is a violated unique constraint or primary key.
func IsUnique(err error) bool {
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		return pgErr.Code == "23505"
	}
	var liteErr *sqlite.Error
	return errors.As(err, &liteErr) &&
		(liteErr.Code() == sqlitelib.SQLITE_CONSTRAINT_UNIQUE || liteErr.Code() == sqlitelib.SQLITE_CONSTRAINT_PRIMARYKEY)
}

// IsForeignKey reports whether err is a reference to a row that does not exist.
func IsForeignKey(err error) bool {
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		return pgErr.Code == "23503"
	}
	var liteErr *sqlite.Error
	return errors.As(err, &liteErr) && liteErr.Code() == sqlitelib.SQLITE_CONSTRAINT_FOREIGNKEY
}
