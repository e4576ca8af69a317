package backup

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"

	"github.com/uptrace/bun"

	"granary/internal/platform/database"
	"granary/internal/platform/fault"
)

// load fills the tables. References are checked when all rows are there, so
// that the order of tables, and rows that refer to each other, do not matter.
func load(ctx context.Context, root *os.Root, tables []Table, db *database.DB, tx database.Tx) error {
	// A migration may have brought rows; the backup has them too.
	if err := clearTables(ctx, db, tx); err != nil {
		return err
	}
	finish, err := deferReferences(ctx, db, tx)
	if err != nil {
		return err
	}
	for _, t := range tables {
		if err := loadTable(ctx, root, t, db, tx); err != nil {
			return fmt.Errorf("load %s: %w", t.Name, err)
		}
	}
	return finish()
}

// clearTables removes every row of an otherwise empty target.
func clearTables(ctx context.Context, db *database.DB, tx database.Tx) error {
	finish, err := deferReferences(ctx, db, tx)
	if err != nil {
		return err
	}
	tables, err := describe(ctx, db, tx)
	if err != nil {
		return err
	}
	for _, t := range tables {
		if _, err := tx.NewRaw("DELETE FROM ?", bun.Ident(t.Name)).Exec(ctx); err != nil {
			return fmt.Errorf("clear %s: %w", t.Name, err)
		}
	}
	return finish()
}

// insertRows and insertBytes bound one INSERT statement.
const (
	insertRows  = 500
	insertBytes = 1 << 20
)

func loadTable(ctx context.Context, root *os.Root, t Table, db *database.DB, tx database.Tx) error {
	f, err := root.Open(t.file())
	if err != nil {
		return err
	}
	var values []bun.Safe
	size := 0
	flush := func() error {
		if len(values) == 0 {
			return nil
		}
		names := make([]bun.Ident, len(t.Columns))
		for i, c := range t.Columns {
			names[i] = bun.Ident(c.Name)
		}
		_, err := tx.NewRaw("INSERT INTO ? (?) VALUES ?", bun.Ident(t.Name), bun.List(names), bun.List(values)).Exec(ctx)
		values, size = values[:0], 0
		return err
	}
	formatter := tx.NewSelect().DB().QueryGen()
	err = eachRow(ctx, f, t, func(row []any) error {
		text := []byte{'('}
		for i, c := range t.Columns {
			if i > 0 {
				text = append(text, ", "...)
			}
			if v, ok := row[i].(float64); ok && db.Path() != "" && (math.IsNaN(v) || math.IsInf(v, 0)) {
				return fault.New(fault.Invalid, "column %s holds a number that sqlite does not have", c.Name)
			}
			if c.Kind == Native {
				text = formatter.AppendQuery(text, "CAST(? AS "+c.Type+")", row[i])
			} else {
				text = formatter.AppendQuery(text, "?", row[i])
			}
		}
		values = append(values, bun.Safe(append(text, ')')))
		if size += len(text); len(values) >= insertRows || size >= insertBytes {
			return flush()
		}
		return nil
	})
	if err == nil {
		err = flush()
	}
	return errors.Join(err, f.Close())
}
