package backup

import (
	"context"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"granary/internal/platform/database"
)

// bookkeeping reports whether a table records migrations, which restoring
// runs again, or belongs to SQLite itself.
func bookkeeping(table string) bool {
	return strings.HasPrefix(table, "granary_migrations_") || strings.HasPrefix(table, "sqlite_") ||
		table == "river_migration"
}

func engine(db *database.DB) string {
	if db.Path() != "" {
		return "sqlite"
	}
	return "postgres"
}

// describe lists the tables with their columns, in order of name.
func describe(ctx context.Context, db *database.DB, tx bun.IDB) ([]Table, error) {
	// SQLite's pragma leaves generated columns out, as PostgreSQL's clause does;
	// what PostgreSQL itself does not keep over a crash is no state.
	query := `SELECT m.name AS table_name, c.name AS column_name, c.type AS column_type
		FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table' ORDER BY m.name, c.cid`
	if db.Path() == "" {
		query = `SELECT c.relname AS table_name, a.attname AS column_name, format_type(a.atttypid, a.atttypmod) AS column_type
			FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE n.nspname = current_schema() AND c.relkind = 'r' AND c.relpersistence = 'p' AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
			ORDER BY c.relname, a.attnum`
	}
	var rows []struct {
		TableName, ColumnName, ColumnType string
	}
	if err := tx.NewRaw(query).Scan(ctx, &rows); err != nil {
		return nil, fmt.Errorf("describe tables: %w", err)
	}
	var tables []Table
	for _, r := range rows {
		if bookkeeping(r.TableName) {
			continue
		}
		if len(tables) == 0 || tables[len(tables)-1].Name != r.TableName {
			if !tableName.MatchString(r.TableName) {
				return nil, fmt.Errorf("table %q has a name that a backup cannot hold", r.TableName)
			}
			tables = append(tables, Table{Name: r.TableName})
		}
		column := Column{Name: r.ColumnName}
		if db.Path() == "" {
			if column.Kind = postgresKind(r.ColumnType); column.Kind == Native {
				column.Type = r.ColumnType
			}
		} else {
			var ok bool
			if column.Kind, ok = sqliteKind(r.ColumnType); !ok {
				return nil, fmt.Errorf("column %s.%s has type %q, which a backup cannot hold", r.TableName, r.ColumnName, r.ColumnType)
			}
		}
		t := &tables[len(tables)-1]
		t.Columns = append(t.Columns, column)
	}
	return tables, nil
}

// schemas returns the newest applied migration by owner.
func schemas(ctx context.Context, db *database.DB, sets []database.Migrations) (map[string]int64, error) {
	states, err := db.MigrationStatus(ctx, sets...)
	if err != nil {
		return nil, err
	}
	newest := map[string]int64{}
	for _, s := range states {
		newest[s.Owner] = 0
		for _, v := range s.Applied {
			newest[s.Owner] = max(newest[s.Owner], v)
		}
	}
	return newest, nil
}
