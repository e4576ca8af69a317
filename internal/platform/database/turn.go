package database

import (
	"context"
	"fmt"
	"hash/maphash"
	"time"

	"github.com/jackc/pgx/v5"
)

// InTurn is InTx for transactions that all change one row, such as a counter
// or a folder's revision: those of the same turn run one after another, in this
// server and in others on the same database. With InTx they would meet in
// conflicts, and in a rush some would meet in too many. fn must not begin
// another transaction. On SQLite, which has one writer, it is InTx.
func (d *DB) InTurn(ctx context.Context, turn string, fn func(ctx context.Context, tx Tx) error) error {
	if d.pool == nil {
		return d.InTx(ctx, fn)
	}
	// Those who wait here hold no connection: others can still read.
	leave, err := d.turns.enter(ctx, turn)
	if err != nil {
		return err
	}
	defer leave()
	return d.attempts(ctx, turn, fn)
}

// turns lets the transactions of one server queue. Turns that share a place
// wait for each other without need, which costs only time.
type turns struct {
	seed   maphash.Seed
	places [64]chan struct{}
}

func newTurns() turns {
	t := turns{seed: maphash.MakeSeed()}
	for i := range t.places {
		t.places[i] = make(chan struct{}, 1)
	}
	return t
}

func (t *turns) enter(ctx context.Context, turn string) (leave func(), err error) {
	place := t.places[maphash.String(t.seed, turn)%uint64(len(t.places))]
	select {
	case place <- struct{}{}:
		return func() { <-place }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for %s: %w", turn, ctx.Err())
	}
}

// turnRelease bounds the wait for PostgreSQL to take a lock back.
const turnRelease = 10 * time.Second

// lockTurn waits for other servers. The lock is the session's and is taken
// before the transaction begins, because the first query inside freezes what
// the transaction sees (PostgreSQL manual, section 13.2.2).
func lockTurn(ctx context.Context, conn *pgx.Conn, turn string) (release func(), err error) {
	const key = "(hashtext('granary turn ' || current_schema()), hashtext($1))"
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock"+key, turn); err != nil {
		return nil, fmt.Errorf("wait for %s: %w", turn, err)
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), turnRelease)
		defer cancel()
		if _, err := conn.Exec(ctx, "SELECT pg_advisory_unlock"+key, turn); err != nil {
			_ = conn.Close(ctx) // ends the session, which ends the lock
		}
	}, nil
}
