package database_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"granary/internal/platform/database"
	"granary/internal/platform/database/databasetest"
)

func groupTable(t *testing.T, db *database.DB) {
	t.Helper()
	err := db.InTx(t.Context(), func(ctx context.Context, tx database.Tx) error {
		_, err := tx.ExecContext(ctx, "CREATE TABLE things (n BIGINT PRIMARY KEY)")
		return err
	})
	if err != nil {
		t.Fatalf("create table: %v", err)
	}
}

func groupCount(t *testing.T, db *database.DB) int {
	t.Helper()
	var n int
	if err := db.Reader().NewRaw("SELECT count(*) FROM things").Scan(t.Context(), &n); err != nil {
		t.Fatalf("count: %v", err)
	}
	return n
}

func insertThing(ctx context.Context, tx database.Tx, n int) error {
	_, err := tx.NewRaw("INSERT INTO things (n) VALUES (?)", n).Exec(ctx)
	return err
}

// Many join at once: those that fail or panic leave nothing, all others are
// there, and each hears of its own end only.
func TestInGroupKeepsMembersApart(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, nil, func(t *testing.T, db *database.DB) {
		groupTable(t, db)
		refused := errors.New("refused")
		const members = 300
		errs := make([]error, members)
		var told atomic.Int64
		var wg sync.WaitGroup
		for i := range members {
			wg.Go(func() {
				defer func() {
					if v := recover(); v != nil {
						errs[i] = fmt.Errorf("panic %v", v)
					}
				}()
				errs[i] = db.InGroup(t.Context(), func(ctx context.Context, tx database.Tx) error {
					tx.AfterCommit(func() { told.Add(1) })
					if err := insertThing(ctx, tx, i); err != nil {
						return err
					}
					switch i % 10 {
					case 3:
						return refused
					case 7:
						panic(i)
					case 9:
						return insertThing(ctx, tx, i) // a statement that fails
					}
					return nil
				})
			})
		}
		wg.Wait()
		for i, err := range errs {
			switch i % 10 {
			case 3:
				if !errors.Is(err, refused) {
					t.Errorf("member %d: %v, want its own error", i, err)
				}
			case 7:
				if err == nil || err.Error() != fmt.Sprintf("panic %d", i) {
					t.Errorf("member %d: %v, want its own panic", i, err)
				}
			case 9:
				if !database.IsUnique(err) {
					t.Errorf("member %d: %v, want a unique violation", i, err)
				}
			default:
				if err != nil {
					t.Errorf("member %d: %v", i, err)
				}
			}
		}
		if got, want := groupCount(t, db), members*7/10; got != want || int(told.Load()) != want {
			t.Errorf("rows = %d, told after commit = %d, want %d each", got, told.Load(), want)
		}
	})
}

func TestInGroupLeavesWithItsContext(t *testing.T) {
	t.Parallel()
	db := databasetest.Open(t)
	groupTable(t, db)
	entered, leave := make(chan struct{}), make(chan struct{})
	first := make(chan error, 1)
	go func() {
		first <- db.InGroup(t.Context(), func(ctx context.Context, tx database.Tx) error {
			close(entered)
			<-leave
			return insertThing(ctx, tx, 1)
		})
	}()
	<-entered
	ctx, cancel := context.WithCancel(t.Context())
	second := make(chan error, 1)
	go func() {
		second <- db.InGroup(ctx, func(ctx context.Context, tx database.Tx) error { return insertThing(ctx, tx, 2) })
	}()
	cancel()
	if err := <-second; !errors.Is(err, context.Canceled) {
		t.Errorf("InGroup after its context ended = %v, want canceled", err)
	}
	close(leave)
	if err := <-first; err != nil {
		t.Errorf("InGroup: %v", err)
	}
	if got := groupCount(t, db); got != 1 {
		t.Errorf("rows = %d, want 1", got)
	}
}

func TestAfterCommitIsNotCalledAfterARollback(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, nil, func(t *testing.T, db *database.DB) {
		var told []string
		for name, fails := range map[string]error{"kept": nil, "lost": errors.New("no")} {
			err := db.InTx(t.Context(), func(_ context.Context, tx database.Tx) error {
				tx.AfterCommit(func() { told = append(told, name) })
				return fails
			})
			if !errors.Is(err, fails) {
				t.Fatalf("InTx = %v, want %v", err, fails)
			}
		}
		if len(told) != 1 || told[0] != "kept" {
			t.Errorf("told = %v, want only the committed one", told)
		}
	})
}
