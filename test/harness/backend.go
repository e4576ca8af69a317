package harness

import (
	"testing"

	"github.com/google/uuid"

	"granary/internal/platform/blob/blobtest"
	"granary/internal/platform/database/databasetest"
)

// Each runs fn on every kind of store: SQLite with a folder always, PostgreSQL
// with Azure Blob Storage where GRANARY_TEST_POSTGRES and
// GRANARY_TEST_AZURITE name them. With REQUIRE_SERVICES=1 they must.
func Each(t *testing.T, fn func(t *testing.T, store Store)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		fn(t, Local(t))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		fn(t, Services(t))
	})
}

// Local returns a fresh store in a folder.
func Local(t testing.TB) Store {
	t.Helper()
	return Store{Folder: t.TempDir()}
}

// Services returns a fresh store in PostgreSQL and Azure Blob Storage, or
// skips or fails the test where they are not running.
func Services(t testing.TB) Store {
	t.Helper()
	connection := blobtest.Azurite(t)
	return Store{Folder: t.TempDir(), Env: []string{
		"GRANARY_DATABASE_URL=" + databasetest.PostgresURL(t),
		"GRANARY_BLOB_URL=" + connection,
		"GRANARY_BLOB_CONTAINER=accept-" + uuid.NewString(),
	}}
}
