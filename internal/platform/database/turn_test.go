package database_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"granary/internal/platform/database"
	"granary/internal/platform/database/databasetest"
)

func TestTurnsNeverMeet(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *database.DB) {
		t.Helper()
		if err := insert(t, db, seed{ID: "1", Name: "counter"}); err != nil {
			t.Fatal(err)
		}
		// More writers than connections, all at one row: each runs once.
		const writers = 40
		var mu sync.Mutex
		runs := 0
		var group sync.WaitGroup
		for range writers {
			group.Go(func() {
				err := db.InTurn(t.Context(), "counter", func(ctx context.Context, tx database.Tx) error {
					mu.Lock()
					runs++
					mu.Unlock()
					var s seed
					if err := tx.NewSelect().Model(&s).Where("id = '1'").Scan(ctx); err != nil {
						return err
					}
					s.Weight++
					_, err := tx.NewUpdate().Model(&s).Column("weight").WherePK().Exec(ctx)
					return err
				})
				if err != nil {
					t.Errorf("InTurn: %v", err)
				}
			})
		}
		group.Wait()
		var s seed
		if err := db.Reader().NewSelect().Model(&s).Scan(t.Context()); err != nil || s.Weight != writers || runs != writers {
			t.Errorf("counter = %v after %d runs, %v, want %d after as many", s.Weight, runs, err, writers)
		}
	})
}

func TestATurnEndsWithItsTransaction(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, nil, func(t *testing.T, db *database.DB) {
		t.Helper()
		refused := errors.New("refused")
		if err := db.InTurn(t.Context(), "a", func(context.Context, database.Tx) error { return refused }); !errors.Is(err, refused) {
			t.Errorf("InTurn = %v, want %v", err, refused)
		}
		ended, cancel := context.WithCancel(t.Context())
		if err := db.InTurn(ended, "a", func(context.Context, database.Tx) error {
			cancel()
			return ended.Err()
		}); !errors.Is(err, context.Canceled) {
			t.Errorf("InTurn with an ended context = %v, want %v", err, context.Canceled)
		}
		if err := db.InTurn(t.Context(), "a", func(ctx context.Context, _ database.Tx) error {
			waiting, stop := context.WithCancel(ctx)
			stop()
			if err := db.InTurn(waiting, "a", func(context.Context, database.Tx) error { return nil }); !errors.Is(err, context.Canceled) {
				t.Errorf("InTurn that waits with an ended context = %v, want %v", err, context.Canceled)
			}
			return nil
		}); err != nil {
			t.Errorf("InTurn after others failed: %v", err)
		}
	})
}
