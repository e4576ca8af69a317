package nachetimport

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"granary/internal/platform/database/databasetest"
)

// readOnly is the code of PostgreSQL's refusal (manual, appendix A).
const readOnly = "25006"

// bareSource opens a source with the least that one may have.
func bareSource(t *testing.T) (*tables, *pgx.Conn) {
	t.Helper()
	address := databasetest.PostgresURL(t)
	conn := connect(t, address)
	for _, table := range []string{"users", "picture_set", "picture"} {
		if _, err := conn.Exec(t.Context(), "CREATE TABLE "+table+" (id uuid)"); err != nil {
			t.Fatalf("create table: %v", err)
		}
	}
	from, err := openTables(t.Context(), address, "")
	if err != nil {
		t.Fatalf("openTables: %v", err)
	}
	t.Cleanup(func() {
		if err := from.close(context.Background()); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return from, conn
}

func TestSourceCannotBeWritten(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	from, _ := bareSource(t)
	refused := func(err error) bool {
		var pgErr *pgconn.PgError
		return errors.As(err, &pgErr) && pgErr.Code == readOnly
	}
	if _, err := from.tx.Exec(ctx, "INSERT INTO users VALUES (NULL)"); !refused(err) {
		t.Errorf("insert in the snapshot = %v, want a refusal", err)
	}
	if err := from.tx.Rollback(ctx); err != nil {
		t.Fatalf("roll back: %v", err)
	}
	if _, err := from.conn.Exec(ctx, "INSERT INTO users VALUES (NULL)"); !refused(err) {
		t.Errorf("insert outside of it = %v, want a refusal", err)
	}
}

func TestSnapshotStandsStill(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	from, conn := bareSource(t)
	if _, err := conn.Exec(ctx, "INSERT INTO users VALUES (gen_random_uuid())"); err != nil {
		t.Fatalf("insert: %v", err)
	}
	// Columns that this schema lacks read as null, tables as empty.
	users, err := from.users(ctx)
	if err != nil || len(users) != 0 {
		t.Errorf("users() = %v, %v, want none: the row came later", users, err)
	}
	seeds, err := from.seeds(ctx)
	if err != nil || len(seeds) != 0 {
		t.Errorf("seeds() = %v, %v, want none", seeds, err)
	}
}

// connect opens a connection that may write, for a test to change the source.
func connect(t *testing.T, address string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	t.Cleanup(func() {
		if err := conn.Close(context.Background()); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return conn
}
