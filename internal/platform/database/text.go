package database

import (
	"strings"

	"github.com/uptrace/bun/dialect/pgdialect"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	"github.com/uptrace/bun/schema"
)

// No text of a query can hold a NUL: SQLite's parser ends there, PostgreSQL
// refuses it (manual, 8.3). A client's NUL becomes the replacement character
// instead of an internal error, so that it names no row and stores as text.

func withoutNUL(s string) string {
	if strings.IndexByte(s, 0) < 0 {
		return s
	}
	return strings.ReplaceAll(s, "\x00", "\uFFFD")
}

type sqliteDialect struct{ *sqlitedialect.Dialect }

var _ schema.Dialect = sqliteDialect{}

// AppendString writes s as a literal.
func (d sqliteDialect) AppendString(b []byte, s string) []byte {
	return d.Dialect.AppendString(b, withoutNUL(s))
}

type postgresDialect struct{ *pgdialect.Dialect }

var _ schema.Dialect = postgresDialect{}

// AppendString writes s as a literal.
func (d postgresDialect) AppendString(b []byte, s string) []byte {
	return d.Dialect.AppendString(b, withoutNUL(s))
}
