package nachetimport

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"granary/internal/platform/fault"
)

// tables is the source's database as it stood at one moment. It is one
// connection, so it is not safe for concurrent use.
type tables struct {
	conn   *pgx.Conn
	tx     pgx.Tx
	schema string
	// columns are those that the schema really has, by table.
	columns map[string]map[string]bool
}

// openTables connects and fixes the snapshot. Whatever the source's user may
// do, this connection cannot write: both its session and its transaction are
// read-only. Errors never quote the address, which holds a password.
func openTables(ctx context.Context, address, schema string) (*tables, error) {
	scheme, rest, ok := strings.Cut(address, "://")
	base, _, _ := strings.Cut(scheme, "+") // SQLAlchemy's driver part
	if !ok || base != "postgres" && base != "postgresql" {
		return nil, fault.New(fault.Invalid, "the source's database url must begin with postgresql://")
	}
	cfg, err := pgx.ParseConfig("postgres://" + rest)
	if err != nil {
		return nil, fmt.Errorf("source database url: %w", err)
	}
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = 10 * time.Second
	}
	cfg.RuntimeParams["application_name"] = "granary import"
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("connect to the source database: %w", err)
	}
	t := &tables{conn: conn, schema: schema}
	if err := t.begin(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open the source database: %w", err), t.close(ctx))
	}
	return t, nil
}

func (t *tables) begin(ctx context.Context) error {
	// Statements rather than start-up parameters, which a pooler may refuse.
	// Copying pictures may let the transaction rest for longer than a server
	// likes; times without a zone are UTC, as the original writes them.
	for _, statement := range []string{
		"SET default_transaction_read_only = on",
		"SET idle_in_transaction_session_timeout = 0",
		"SET statement_timeout = 0",
		"SET TIME ZONE 'UTC'",
	} {
		if _, err := t.conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	tx, err := t.conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return err
	}
	t.tx = tx
	if t.schema == "" {
		if err := tx.QueryRow(ctx, "SELECT COALESCE(current_schema(), '')").Scan(&t.schema); err != nil {
			return err
		}
	}
	return t.inspect(ctx)
}

// inspect reads which columns there are, since deployments differ.
func (t *tables) inspect(ctx context.Context) error {
	rows, err := t.tx.Query(ctx, `
		SELECT c.relname, a.attname FROM pg_attribute AS a
		JOIN pg_class AS c ON c.oid = a.attrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
		WHERE n.nspname = $1 AND a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p')`, t.schema)
	if err != nil {
		return err
	}
	t.columns = map[string]map[string]bool{}
	var table, column string
	if _, err := pgx.ForEachRow(rows, []any{&table, &column}, func() error {
		if t.columns[table] == nil {
			t.columns[table] = map[string]bool{}
		}
		t.columns[table][column] = true
		return nil
	}); err != nil {
		return err
	}
	for _, needed := range []string{"users", "picture_set", "picture"} {
		if !t.has(needed) {
			return fault.New(fault.Invalid, "the schema %q of the source has no table %s that this account may see", t.schema, needed)
		}
	}
	return nil
}

func (t *tables) has(table string) bool { return t.columns[table] != nil }

// close ends the snapshot and the connection.
func (t *tables) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	// Closing the connection rolls back, also while a query is in flight.
	return t.conn.Close(ctx)
}

// name returns the quoted name of a table; a schema such as nachet_0.0.11
// needs its quotes.
func (t *tables) name(table string) string {
	return pgx.Identifier{t.schema, table}.Sanitize()
}

// column returns an expression for a column of t, or NULL where the schema
// has none.
func (t *tables) column(table, column, as string) string {
	if !t.columns[table][column] {
		return "NULL::" + as
	}
	quoted := "t." + pgx.Identifier{column}.Sanitize()
	if as == asTime { // infinity has no place in a time.Time
		return "CASE WHEN isfinite(" + quoted + ") THEN " + quoted + "::" + asTime + " END"
	}
	return quoted + "::" + as
}

// The types that columns are read as.
const (
	asText  = "text"
	asBool  = "boolean"
	asFloat = "double precision"
	asTime  = "timestamptz"
)

// selection builds "SELECT … FROM table AS t" of columns given as name and
// type in turn.
func (t *tables) selection(table string, columns ...string) string {
	expressions := make([]string, 0, len(columns)/2)
	for i := 0; i+1 < len(columns); i += 2 {
		expressions = append(expressions, t.column(table, columns[i], columns[i+1]))
	}
	return "SELECT " + strings.Join(expressions, ", ") + " FROM " + t.name(table) + " AS t "
}

// read runs a query on a table and makes a T of each row. A table that the
// schema does not have is empty.
func read[T any](ctx context.Context, t *tables, table, query string, args ...any) ([]T, error) {
	if !t.has(table) {
		return nil, nil
	}
	rows, err := t.tx.Query(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read %s of the source: %w", table, err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[T])
	if err != nil {
		return nil, fmt.Errorf("read %s of the source: %w", table, err)
	}
	return list, nil
}
