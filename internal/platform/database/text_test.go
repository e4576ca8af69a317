package database_test

import (
	"testing"

	"granary/internal/platform/database"
	"granary/internal/platform/database/databasetest"
)

func TestTextWithNUL(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, nil, func(t *testing.T, db *database.DB) {
		t.Helper()
		for in, want := range map[string]string{"a\x00b": "a\uFFFDb", "plain": "plain", "it's": "it's", "": ""} {
			var got string
			if err := db.Reader().NewRaw("SELECT CAST(? AS TEXT)", in).Scan(t.Context(), &got); err != nil || got != want {
				t.Errorf("SELECT %q = %q, %v, want %q", in, got, err, want)
			}
		}
	})
}
