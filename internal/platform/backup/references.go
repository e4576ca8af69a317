package backup

import (
	"context"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"granary/internal/platform/database"
)

// reference is one foreign key of a PostgreSQL schema.
type reference struct {
	Name, Child, Parent       string
	ChildColumns, ParentNames string
	Fixed, Validated          bool
}

const referenceQuery = `SELECT c.conname AS name, child.relname AS child, parent.relname AS parent,
	(SELECT string_agg(a.attname, ',' ORDER BY k.n) FROM unnest(c.conkey) WITH ORDINALITY AS k(num, n)
		JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.num) AS child_columns,
	(SELECT string_agg(a.attname, ',' ORDER BY k.n) FROM unnest(c.confkey) WITH ORDINALITY AS k(num, n)
		JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.num) AS parent_names,
	NOT c.condeferrable AS fixed, c.convalidated AS validated
	FROM pg_constraint c JOIN pg_class child ON child.oid = c.conrelid JOIN pg_class parent ON parent.oid = c.confrelid
	JOIN pg_namespace n ON n.oid = c.connamespace
	WHERE c.contype = 'f' AND n.nspname = current_schema() ORDER BY c.conname`

func references(ctx context.Context, tx bun.IDB) ([]reference, error) {
	var all []reference
	if err := tx.NewRaw(referenceQuery).Scan(ctx, &all); err != nil {
		return nil, fmt.Errorf("list foreign keys: %w", err)
	}
	return all, nil
}

// deferReferences puts the checks of foreign keys off until finish, which
// makes them and sets everything back, inside the one transaction.
func deferReferences(ctx context.Context, db *database.DB, tx database.Tx) (finish func() error, err error) {
	if db.Path() != "" {
		// Lasts until the end of the transaction, whose commit checks.
		_, err := tx.NewRaw("PRAGMA defer_foreign_keys = ON").Exec(ctx)
		return func() error { return nil }, err
	}
	all, err := references(ctx, tx)
	if err != nil {
		return nil, err
	}
	alter := func(how string) error {
		for _, r := range all {
			if !r.Fixed {
				continue
			}
			if _, err := tx.NewRaw("ALTER TABLE ? ALTER CONSTRAINT ? "+how, bun.Ident(r.Child), bun.Ident(r.Name)).Exec(ctx); err != nil {
				return fmt.Errorf("defer foreign key %s: %w", r.Name, err)
			}
		}
		return nil
	}
	if err := alter("DEFERRABLE INITIALLY DEFERRED"); err != nil {
		return nil, err
	}
	if _, err := tx.NewRaw("SET CONSTRAINTS ALL DEFERRED").Exec(ctx); err != nil {
		return nil, fmt.Errorf("defer foreign keys: %w", err)
	}
	return func() error {
		if _, err := tx.NewRaw("SET CONSTRAINTS ALL IMMEDIATE").Exec(ctx); err != nil {
			return fmt.Errorf("check foreign keys: %w", err)
		}
		if err := alter("NOT DEFERRABLE"); err != nil {
			return err
		}
		return resetSequences(ctx, tx)
	}, nil
}

// resetSequences lets every numbered column of a PostgreSQL library's tables go
// on after its highest number.
func resetSequences(ctx context.Context, tx bun.IDB) error {
	var columns []struct{ Child, Name, Sequence string }
	if err := tx.NewRaw(`SELECT * FROM (
		SELECT c.relname AS child, a.attname AS name, pg_get_serial_sequence(quote_ident(c.relname), a.attname) AS sequence
		FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = current_schema() AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped) s
		WHERE sequence IS NOT NULL`).Scan(ctx, &columns); err != nil {
		return fmt.Errorf("list sequences: %w", err)
	}
	for _, c := range columns {
		if _, err := tx.NewRaw("SELECT setval(?, COALESCE(MAX(?), 1), MAX(?) IS NOT NULL) FROM ?",
			c.Sequence, bun.Ident(c.Name), bun.Ident(c.Name), bun.Ident(c.Child)).Exec(ctx); err != nil {
			return fmt.Errorf("set sequence of %s: %w", c.Child, err)
		}
	}
	return nil
}

// dangling counts the rows of r's table that refer to nothing.
func (r reference) dangling(ctx context.Context, tx bun.IDB) (int, error) {
	child, parent := strings.Split(r.ChildColumns, ","), strings.Split(r.ParentNames, ",")
	inner := tx.NewSelect().TableExpr("? AS p", bun.Ident(r.Parent)).ColumnExpr("1")
	query := tx.NewSelect().TableExpr("? AS c", bun.Ident(r.Child))
	for i := range child {
		inner = inner.Where("p.? = c.?", bun.Ident(parent[i]), bun.Ident(child[i]))
		query = query.Where("c.? IS NOT NULL", bun.Ident(child[i]))
	}
	n, err := query.Where("NOT EXISTS (?)", inner).Count(ctx)
	return int(n), err
}
