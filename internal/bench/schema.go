package bench

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// freshSchema makes a schema on a PostgreSQL server and returns a URL in which
// it comes first, and how to drop it. A server that does not wait for its disk
// is refused: its figures would be nobody's.
func freshSchema(ctx context.Context, server string) (address string, drop func(context.Context) error, err error) {
	u, err := url.Parse(server)
	if err != nil {
		return "", nil, errors.New("the PostgreSQL URL cannot be read") // it may hold a password
	}
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		return "", nil, fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	var fsync string
	err = conn.QueryRow(ctx, "SHOW fsync").Scan(&fsync)
	if err == nil && fsync != "on" {
		err = errors.New("PostgreSQL runs with fsync=off, so that its figures say nothing")
	}
	schema := "granary_bench_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	if err == nil {
		_, err = conn.Exec(ctx, "CREATE SCHEMA "+schema)
	}
	if err != nil {
		return "", nil, errors.Join(err, conn.Close(ctx))
	}
	query := u.Query()
	query.Set("search_path", schema)
	u.RawQuery = query.Encode()
	return u.String(), func(ctx context.Context) error {
		_, err := conn.Exec(ctx, "DROP SCHEMA "+schema+" CASCADE")
		return errors.Join(err, conn.Close(ctx))
	}, nil
}
