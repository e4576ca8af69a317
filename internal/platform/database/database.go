// Package database owns the connection to SQLite (the embedded default) or
// PostgreSQL, transactions and migrations. It knows no table but its own
// bookkeeping; each service brings numbered migrations and its own queries.
//
//	Open ─► Migrate(sets…) ─► Reader()            queries, any number at once
//	                        └► InTx(fn)            one writer on SQLite, retried on conflict
//
// Queries are written once with bun and run on both dialects. Portable
// columns are TEXT (ids, JSON), BIGINT, DOUBLE PRECISION, BOOLEAN and
// TIMESTAMPTZ; times are stored in UTC.
package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	_ "modernc.org/sqlite" // the pure-Go SQLite driver, so that the binary stays static
)

// Config says where the rows live.
type Config struct {
	// URL is sqlite:PATH (or file:PATH) or postgres://…; SQLAlchemy-style
	// schemes such as postgresql+psycopg:// are accepted.
	URL string
	// MaxConns bounds open connections: read handles on SQLite, the pool on
	// PostgreSQL. Defaults to 8.
	MaxConns int
}

// DB is an open database. Safe for concurrent use.
type DB struct {
	read, write *bun.DB
	pool        *pgxpool.Pool
	turns       turns
	group       group
	path        string
}

// Open connects and pings. A SQLite file and its folder are created when absent.
func Open(ctx context.Context, cfg Config) (*DB, error) {
	if cfg.MaxConns <= 0 {
		cfg.MaxConns = 8
	}
	if path, ok := sqlitePath(cfg.URL); ok {
		return openSQLite(ctx, path, cfg.MaxConns)
	}
	scheme, rest, ok := strings.Cut(cfg.URL, "://")
	if base, _, _ := strings.Cut(scheme, "+"); ok && (base == "postgres" || base == "postgresql") {
		return openPostgres(ctx, "postgres://"+rest, cfg.MaxConns)
	}
	return nil, fmt.Errorf("database url must begin with sqlite: or postgres://, got scheme %q", scheme)
}

func sqlitePath(raw string) (string, bool) {
	for _, prefix := range []string{"sqlite:", "file:"} {
		if rest, ok := strings.CutPrefix(raw, prefix); ok {
			if tail, slashes := strings.CutPrefix(rest, "//"); slashes {
				rest = tail
			}
			return rest, rest != ""
		}
	}
	return "", false
}

func openSQLite(ctx context.Context, path string, readers int) (*DB, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("create database folder: %w", err)
	}
	// busy_timeout comes first: the switch to WAL itself takes a lock.
	pragmas := url.Values{"_pragma": {
		"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)",
		"foreign_keys(ON)", "temp_store(MEMORY)", "cache_size(-8000)",
	}}
	dsn := (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath()}).String()
	// A write transaction takes its lock at BEGIN, so that it can never fail
	// half-way because a reader turned writer (SQLITE_BUSY_SNAPSHOT).
	write, err := sql.Open("sqlite", dsn+"?"+pragmas.Encode()+"&_txlock=immediate")
	if err != nil {
		return nil, fmt.Errorf("open sqlite: %w", err)
	}
	write.SetMaxOpenConns(1)
	if err := firstContact(ctx, write); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), write.Close())
	}
	pragmas.Add("_pragma", "query_only(ON)")
	read, err := sql.Open("sqlite", dsn+"?"+pragmas.Encode())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open sqlite: %w", err), write.Close())
	}
	read.SetMaxOpenConns(readers)
	read.SetMaxIdleConns(readers)
	return &DB{
		read:  bun.NewDB(read, sqliteDialect{sqlitedialect.New()}),
		write: bun.NewDB(write, sqliteDialect{sqlitedialect.New()}),
		path:  path,
	}, nil
}

func openPostgres(ctx context.Context, dsn string, conns int) (*DB, error) {
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("database url: %w", err)
	}
	cfg.MaxConns = int32(min(conns, 1000))
	cfg.ConnConfig.ConnectTimeout = 10 * time.Second
	if cfg.ConnConfig.RuntimeParams["application_name"] == "" {
		cfg.ConnConfig.RuntimeParams["application_name"] = "granary"
	}
	// A commit is durable when it is acknowledged, whatever the server's, the
	// database's or the role's default says.
	cfg.ConnConfig.RuntimeParams["synchronous_commit"] = "on"
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("open postgres: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("open postgres: %w", err)
	}
	db := bun.NewDB(stdlib.OpenDBFromPool(pool), postgresDialect{pgdialect.New()})
	db.SetMaxIdleConns(0) // idle connections belong to the pool underneath
	return &DB{read: db, write: db, pool: pool, turns: newTurns()}, nil
}

// Reader returns the handle for queries outside a transaction. On SQLite it
// refuses writes.
func (d *DB) Reader() bun.IDB { return d.read }

// Path returns the SQLite file, or "" on PostgreSQL.
func (d *DB) Path() string { return d.path }

// Pool returns the PostgreSQL pool, or nil on SQLite.
func (d *DB) Pool() *pgxpool.Pool { return d.pool }

// Ping reports whether the database answers.
func (d *DB) Ping(ctx context.Context) error { return d.write.PingContext(ctx) }

// Close releases every connection. On SQLite the write-ahead log is folded
// back into the file.
func (d *DB) Close() error {
	d.group.leaders.Wait()
	err := d.read.Close()
	if d.pool != nil {
		d.pool.Close()
		return err
	}
	return errors.Join(err, d.write.Close())
}

// Tx is one transaction. On PostgreSQL it can also be handed to a library
// that speaks pgx, so that such work commits or vanishes with the rows.
type Tx struct {
	bun.IDB
	pg    pgx.Tx
	after *[]func()
}

// AfterCommit has fn called once the transaction has committed, before its
// caller goes on, and never when it does not commit: to tell others of what
// they can read now. fn is quick and begins no transaction.
func (t Tx) AfterCommit(fn func()) { *t.after = append(*t.after, fn) }

// Pgx returns the PostgreSQL transaction underneath, or nil on SQLite.
func (t Tx) Pgx() pgx.Tx { return t.pg }
