package identity

import (
	"embed"
	"io/fs"

	"granary/internal/platform/database"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Migrations returns the schema of this package's tables (prefix identity_).
func Migrations() database.Migrations {
	files, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		panic(err) // the folder is compiled in
	}
	return database.Migrations{Owner: "identity", Files: files}
}
