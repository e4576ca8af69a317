package database

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/uptrace/bun"
)

// Snapshot runs fn over the whole database as it stood at one moment. Writers
// go on meanwhile. fn cannot write, and runs once.
func (d *DB) Snapshot(ctx context.Context, fn func(ctx context.Context, tx bun.IDB) error) error {
	options := &sql.TxOptions{ReadOnly: true}
	if d.pool != nil {
		options.Isolation = sql.LevelRepeatableRead
	}
	return d.read.RunInTx(ctx, options, func(ctx context.Context, tx bun.Tx) error {
		// Neither engine fixes its snapshot at BEGIN but at the first read.
		look := "SELECT 1"
		if d.pool == nil {
			look = "SELECT COUNT(*) FROM sqlite_master" // a constant would touch no page
		}
		var n int
		if err := tx.NewRaw(look).Scan(ctx, &n); err != nil {
			return fmt.Errorf("begin snapshot: %w", err)
		}
		return fn(ctx, tx)
	})
}
