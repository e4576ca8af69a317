package database_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/uptrace/bun"

	"granary/internal/platform/database"
	"granary/internal/platform/database/databasetest"
)

// seeds is a schema of two versions.
func seeds(versions ...int) database.Migrations {
	all := map[int]string{
		1: "CREATE TABLE seeds (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, weight DOUBLE PRECISION, seen_at TIMESTAMPTZ);\n" +
			"CREATE TABLE pods (id TEXT PRIMARY KEY, seed_id TEXT NOT NULL REFERENCES seeds (id));",
		2: "ALTER TABLE seeds ADD COLUMN ripe BOOLEAN NOT NULL DEFAULT FALSE;",
		3: "CREATE TABLE broken (this is not sql;",
	}
	files := fstest.MapFS{}
	for _, v := range versions {
		files[fmt.Sprintf("%05d_v.sql", v)] = &fstest.MapFile{Data: []byte("-- +goose Up\n" + all[v] + "\n")}
	}
	return database.Migrations{Owner: "seeds", Files: files}
}

type seed struct {
	bun.BaseModel `bun:"table:seeds,alias:seeds"`

	ID     string    `bun:"id,pk"`
	Name   string    `bun:"name"`
	Weight float64   `bun:"weight"`
	SeenAt time.Time `bun:"seen_at"`
	Ripe   bool      `bun:"ripe"`
}

func each(t *testing.T, fn func(t *testing.T, db *database.DB)) {
	t.Helper()
	databasetest.Each(t, []database.Migrations{seeds(1, 2)}, fn)
}

func insert(t *testing.T, db *database.DB, s seed) error {
	t.Helper()
	return db.InTx(t.Context(), func(ctx context.Context, tx database.Tx) error {
		_, err := tx.NewInsert().Model(&s).Exec(ctx)
		return err
	})
}

func count(t *testing.T, db bun.IDB, table string) int {
	t.Helper()
	n, err := db.NewSelect().Table(table).Count(t.Context())
	if err != nil {
		t.Fatalf("count %s: %v", table, err)
	}
	return int(n)
}

func TestRowsComeBackAsTheyWent(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *database.DB) {
		want := seed{
			ID: "1", Name: "Avena 'fatua' \\ ü ? $1", Weight: 0.1 + 0.2,
			SeenAt: time.Date(2026, 2, 3, 4, 5, 6, 789012000, time.UTC), Ripe: true,
		}
		if err := insert(t, db, want); err != nil {
			t.Fatalf("insert: %v", err)
		}
		var got seed
		if err := db.Reader().NewSelect().Model(&got).Where("id = ?", "1").Scan(t.Context()); err != nil {
			t.Fatalf("select: %v", err)
		}
		got.SeenAt = got.SeenAt.UTC()
		if diff := cmp.Diff(want, got, cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".BaseModel" }, cmp.Ignore())); diff != "" {
			t.Errorf("row (-want +got):\n%s", diff)
		}
	})
}

func TestInTxCommitsOrLeavesNothing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *database.DB) {
		if err := insert(t, db, seed{ID: "1", Name: "kept"}); err != nil {
			t.Fatal(err)
		}
		refused := errors.New("refused")
		err := db.InTx(t.Context(), func(ctx context.Context, tx database.Tx) error {
			if _, err := tx.NewInsert().Model(&seed{ID: "2", Name: "lost"}).Exec(ctx); err != nil {
				return err
			}
			if n := count(t, tx, "seeds"); n != 2 {
				t.Errorf("rows inside the transaction = %d, want 2", n)
			}
			return refused
		})
		if !errors.Is(err, refused) {
			t.Errorf("InTx = %v, want %v", err, refused)
		}
		ctx, cancel := context.WithCancel(t.Context())
		if err := db.InTx(ctx, func(ctx context.Context, tx database.Tx) error {
			_, err := tx.NewInsert().Model(&seed{ID: "3", Name: "lost too"}).Exec(ctx)
			cancel()
			return err
		}); !errors.Is(err, context.Canceled) {
			t.Errorf("InTx with a cancelled context = %v, want %v", err, context.Canceled)
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Error("a panic in fn was swallowed")
				}
			}()
			_ = db.InTx(t.Context(), func(ctx context.Context, tx database.Tx) error {
				if _, err := tx.NewInsert().Model(&seed{ID: "4", Name: "lost as well"}).Exec(ctx); err != nil {
					return err
				}
				panic("bug")
			})
		}()
		if n := count(t, db.Reader(), "seeds"); n != 1 {
			t.Errorf("rows after three rollbacks = %d, want 1", n)
		}
	})
}

func TestInTxRunsAgainAfterAConflict(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *database.DB) {
		if err := insert(t, db, seed{ID: "1", Name: "counter"}); err != nil {
			t.Fatal(err)
		}
		const writers, rounds = 6, 5
		var group sync.WaitGroup
		for range writers {
			group.Go(func() {
				for range rounds {
					err := db.InTx(t.Context(), func(ctx context.Context, tx database.Tx) error {
						// Read, then write: lost updates unless conflicts are found.
						var s seed
						if err := tx.NewSelect().Model(&s).Where("id = '1'").Scan(ctx); err != nil {
							return err
						}
						s.Weight++
						_, err := tx.NewUpdate().Model(&s).Column("weight").WherePK().Exec(ctx)
						return err
					})
					if err != nil {
						t.Errorf("InTx: %v", err)
					}
				}
			})
		}
		group.Wait()
		var s seed
		if err := db.Reader().NewSelect().Model(&s).Scan(t.Context()); err != nil || s.Weight != writers*rounds {
			t.Errorf("counter = %v, %v, want %d", s.Weight, err, writers*rounds)
		}
	})
}

func TestConstraintErrorsAreTold(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *database.DB) {
		if err := insert(t, db, seed{ID: "1", Name: "a"}); err != nil {
			t.Fatal(err)
		}
		for _, s := range []seed{{ID: "1", Name: "b"}, {ID: "2", Name: "a"}} {
			if err := insert(t, db, s); !database.IsUnique(err) || database.IsForeignKey(err) {
				t.Errorf("insert(%s, %s) = %v, want a unique violation", s.ID, s.Name, err)
			}
		}
		err := db.InTx(t.Context(), func(ctx context.Context, tx database.Tx) error {
			_, err := tx.NewRaw("INSERT INTO pods (id, seed_id) VALUES ('1', 'none')").Exec(ctx)
			return err
		})
		if !database.IsForeignKey(err) || database.IsUnique(err) {
			t.Errorf("insert of a dangling reference = %v, want a foreign key violation", err)
		}
	})
}

func TestSnapshotSeesOneMomentAndCannotWrite(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *database.DB) {
		if err := insert(t, db, seed{ID: "1", Name: "before"}); err != nil {
			t.Fatal(err)
		}
		err := db.Snapshot(t.Context(), func(_ context.Context, tx bun.IDB) error {
			if err := insert(t, db, seed{ID: "2", Name: "during"}); err != nil {
				return err
			}
			if n := count(t, tx, "seeds"); n != 1 {
				t.Errorf("rows in the snapshot = %d, want 1", n)
			}
			return nil
		})
		if err != nil {
			t.Errorf("Snapshot: %v", err)
		}
		if err := db.Snapshot(t.Context(), func(ctx context.Context, tx bun.IDB) error {
			_, err := tx.NewRaw("DELETE FROM seeds").Exec(ctx)
			return err
		}); err == nil {
			t.Error("a snapshot could write")
		}
		if n := count(t, db.Reader(), "seeds"); n != 2 {
			t.Errorf("rows after the snapshot = %d, want 2", n)
		}
	})
}

func TestReaderRefusesWritesOnSQLite(t *testing.T) {
	t.Parallel()
	db := databasetest.Open(t, seeds(1, 2))
	if _, err := db.Reader().NewInsert().Model(&seed{ID: "1", Name: "x"}).Exec(t.Context()); err == nil {
		t.Error("insert through Reader = nil error, want one")
	}
	var mode string
	var sync int
	if err := db.InTx(t.Context(), func(ctx context.Context, tx database.Tx) error {
		return errors.Join(tx.NewRaw("PRAGMA journal_mode").Scan(ctx, &mode), tx.NewRaw("PRAGMA synchronous").Scan(ctx, &sync))
	}); err != nil || mode != "wal" || sync != 2 {
		t.Errorf("journal_mode, synchronous = %s, %d, %v, want wal, 2 (FULL)", mode, sync, err)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"", "mysql://host/db", "sqlite:", "granary.db",
		"postgres://granary:hunter2@127.0.0.1:1/none?connect_timeout=1",
		"postgresql+psycopg://granary:hunter2@127.0.0.1:bad/none",
	} {
		db, err := database.Open(t.Context(), database.Config{URL: url})
		if err == nil {
			t.Errorf("Open(%q) = %v, nil, want an error", url, db)
			continue
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("Open(%q) = %v, which shows the password", url, err)
		}
	}
}

func TestSQLitePathForms(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for _, prefix := range []string{"sqlite:", "file:", "sqlite://", "file://"} {
		// A name that a URL would take apart.
		path := filepath.Join(folder, "new folder", strings.Trim(prefix, ":/")+"?a=1%20#x.db")
		db, err := database.Open(t.Context(), database.Config{URL: prefix + path})
		if err != nil {
			t.Errorf("Open(%s%s): %v", prefix, path, err)
			continue
		}
		if got := db.Path(); got != path {
			t.Errorf("Path() = %s, want %s", got, path)
		}
		if err := errors.Join(db.Ping(t.Context()), db.Migrate(t.Context(), seeds(1)), db.Close()); err != nil {
			t.Errorf("use %s: %v", path, err)
		}
		if found, err := filepath.Glob(path); err != nil || len(found) != 1 {
			t.Errorf("file %s: %v, %v, want it to exist", path, found, err)
		}
	}
}
