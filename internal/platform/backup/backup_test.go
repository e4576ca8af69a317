package backup_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"granary/internal/platform/backup"
	"granary/internal/platform/blob"
	"granary/internal/platform/blob/dir"
	"granary/internal/platform/database"
	"granary/internal/platform/database/databasetest"
	"granary/internal/platform/fault"
)

// herbarium is a schema with every kind of column, a reference to itself, a
// cycle, and rows that a migration brings.
func herbarium() database.Migrations {
	return database.Migrations{Owner: "herbarium", Files: fstest.MapFS{
		"00001_tables.sql": {Data: []byte(`-- +goose Up
CREATE TABLE pictures (
    id TEXT PRIMARY KEY, key TEXT NOT NULL REFERENCES blob_objects (key), parent_id TEXT REFERENCES pictures (id),
    n BIGINT, score DOUBLE PRECISION, good BOOLEAN, seen_at TIMESTAMPTZ
);
CREATE TABLE folders (id TEXT PRIMARY KEY, cover_id TEXT REFERENCES pictures (id));
CREATE TABLE counters (id TEXT PRIMARY KEY, n BIGINT NOT NULL);
INSERT INTO counters (id, n) VALUES ('pictures', 0);
`)},
		"00002_note.sql": {Data: []byte("-- +goose Up\nALTER TABLE folders ADD COLUMN note TEXT NOT NULL DEFAULT '';\n")},
	}}
}

func sets() []database.Migrations { return []database.Migrations{blob.Migrations(), herbarium()} }

type installation struct {
	backup.Source
	folder string
}

// install opens an installation that has not been migrated.
func install(t *testing.T, url string) *installation {
	t.Helper()
	folder := t.TempDir()
	if url == "" {
		url = "sqlite:" + filepath.Join(folder, "granary.db")
	}
	db, err := database.Open(t.Context(), database.Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	bucket, err := dir.Open(filepath.Join(folder, "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	store := blob.NewStore(db, bucket, blob.StoreConfig{})
	t.Cleanup(func() {
		if err := errors.Join(store.Close(), db.Close()); err != nil {
			t.Error(err)
		}
	})
	return &installation{backup.Source{DB: db, Store: store, Sets: sets(), Version: "test"}, folder}
}

func (i *installation) migrate(t *testing.T) *installation {
	t.Helper()
	if err := i.DB.Migrate(t.Context(), i.Sets...); err != nil {
		t.Fatal(err)
	}
	return i
}

func (i *installation) target() backup.Target {
	return backup.Target{DB: i.DB, Bucket: i.Store.Bucket(), Sets: i.Sets}
}

func (i *installation) exec(t *testing.T, query string, args ...any) {
	t.Helper()
	if err := i.DB.InTx(t.Context(), func(ctx context.Context, tx database.Tx) error {
		_, err := tx.NewRaw(query, args...).Exec(ctx)
		return err
	}); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// add stores a picture with its row, the way a service does.
func (i *installation) add(ctx context.Context, id string) error {
	key := "pictures/" + id
	o, err := i.Store.Put(ctx, key, "image/png", strings.NewReader("bytes of "+id))
	if err != nil {
		return err
	}
	return i.DB.InTx(ctx, func(ctx context.Context, tx database.Tx) error {
		if err := i.Store.Publish(ctx, tx, o); err != nil {
			return err
		}
		if _, err := tx.NewRaw("INSERT INTO pictures (id, key) VALUES (?, ?)", id, key).Exec(ctx); err != nil {
			return err
		}
		_, err := tx.NewRaw("UPDATE counters SET n = n + 1").Exec(ctx)
		return err
	})
}

func (i *installation) fill(t *testing.T) {
	t.Helper()
	for _, id := range []string{"a", "b", "c"} {
		if err := i.add(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	i.exec(t, "UPDATE pictures SET parent_id = 'c', n = ?, score = ?, good = ?, seen_at = ? WHERE id = 'a'",
		int64(math.MaxInt64), 0.1+0.2, true, time.Date(2026, 1, 2, 3, 4, 5, 600, time.UTC).Truncate(time.Microsecond))
	i.exec(t, "UPDATE pictures SET n = ?, score = 3, good = ?, seen_at = ? WHERE id = 'b'",
		int64(math.MinInt64), false, time.Date(1999, 12, 31, 23, 59, 59, 999999000, time.FixedZone("", 7200)))
	i.exec(t, "INSERT INTO folders (id, cover_id, note) VALUES ('f', 'a', ?)", "it's ? \\ \"quoted\"\n<ü> \u2028 $1")
}

func create(t *testing.T, i *installation) (string, backup.Manifest) {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "backup")
	m, err := backup.Create(t.Context(), i.Source, folder)
	if err != nil {
		t.Fatalf("Create: %v", err)
	}
	return folder, m
}

func lines(t *testing.T, folder, table string) []string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(folder, "tables", table+".jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	slices.Sort(all)
	return all
}

func sound(t *testing.T, i *installation) {
	t.Helper()
	report, err := backup.Check(t.Context(), i.Source, nil)
	if err != nil || !report.OK() {
		t.Errorf("Check = %+v, %v, want no problem", report, err)
	}
}

// url gives the database of an engine: a fresh schema, or "" for SQLite.
func url(t *testing.T, engine string) string {
	t.Helper()
	if engine == "postgres" {
		return databasetest.PostgresURL(t)
	}
	return ""
}

func TestRestoreGivesBackEverything(t *testing.T) {
	t.Parallel()
	engines := []string{"sqlite", "postgres"}
	for _, from := range engines {
		for _, to := range engines {
			t.Run(from+" to "+to, func(t *testing.T) {
				t.Parallel()
				source := install(t, url(t, from)).migrate(t)
				source.fill(t)
				folder, m := create(t, source)
				if m.Engine != from || m.Objects != 3 || m.ObjectBytes != 30 || m.Schemas["herbarium"] != 2 {
					t.Errorf("manifest = %+v, want engine %s, 3 objects of 30 bytes, herbarium 2", m, from)
				}
				target := install(t, url(t, to))
				if _, err := backup.Restore(t.Context(), folder, target.target()); err != nil {
					t.Fatalf("Restore: %v", err)
				}
				sound(t, target)
				again, _ := create(t, target)
				for _, table := range []string{"pictures", "folders", "counters", "blob_objects"} {
					if diff := cmp.Diff(lines(t, folder, table), lines(t, again, table)); diff != "" {
						t.Errorf("rows of %s (-source +restored):\n%s", table, diff)
					}
				}
				if data, o, err := target.Store.ReadAll(t.Context(), "pictures/b"); err != nil || string(data) != "bytes of b" || o.MediaType != "image/png" {
					t.Errorf("ReadAll after Restore = %q, %+v, %v", data, o, err)
				}
				if err := target.add(t.Context(), "new"); err != nil {
					t.Errorf("write after Restore: %v", err)
				}
				target.refusesDangling(t)
				if _, err := backup.Restore(t.Context(), folder, target.target()); !fault.Is(err, fault.Conflict) {
					t.Errorf("Restore into a used target = %v, want a conflict", err)
				}
			})
		}
	}
}

// refusesDangling makes sure that restoring left the foreign keys enforced.
func (i *installation) refusesDangling(t *testing.T) {
	t.Helper()
	err := i.DB.InTx(t.Context(), func(ctx context.Context, tx database.Tx) error {
		_, err := tx.NewRaw("INSERT INTO folders (id, cover_id) VALUES ('g', 'none')").Exec(ctx)
		return err
	})
	if !database.IsForeignKey(err) {
		t.Errorf("dangling insert after Restore = %v, want a foreign key violation", err)
	}
}

func TestCreateUnderWritesIsOneMoment(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			source := install(t, url(t, engine)).migrate(t)
			ctx, cancel := context.WithCancel(t.Context())
			var writers sync.WaitGroup
			began := make(chan struct{}, 3)
			for w := range 3 {
				writers.Go(func() {
					for n := 0; ctx.Err() == nil; n++ {
						id := fmt.Sprintf("%d-%d", w, n)
						err := source.add(ctx, id)
						if err == nil && n%3 == 2 {
							err = source.remove(ctx, fmt.Sprintf("%d-%d", w, n-1))
						}
						if err == nil && n%5 == 0 {
							_, err = source.Store.Sweep(ctx)
						}
						if err != nil && ctx.Err() == nil {
							t.Errorf("writer: %v", err)
							return
						}
						if n == 5 {
							began <- struct{}{}
						}
					}
				})
			}
			for range 3 {
				<-began
			}
			var folders []string
			for range 3 {
				folder, _ := create(t, source)
				folders = append(folders, folder)
			}
			cancel()
			writers.Wait()
			for n, folder := range folders {
				if n > 0 && engine == "postgres" {
					break // each needs a schema of its own; one proves it
				}
				restored := install(t, url(t, engine))
				if _, err := backup.Restore(t.Context(), folder, restored.target()); err != nil {
					t.Fatalf("Restore: %v", err)
				}
				sound(t, restored)
				var counted, pictures, objects int
				if err := restored.DB.Reader().NewRaw(`SELECT (SELECT n FROM counters), (SELECT COUNT(*) FROM pictures),
					(SELECT COUNT(*) FROM blob_objects)`).Scan(t.Context(), &counted, &pictures, &objects); err != nil {
					t.Fatal(err)
				}
				if counted != pictures || counted != objects || counted < 6 {
					t.Errorf("backup %d: counter %d, pictures %d, objects %d, want the same in all", n, counted, pictures, objects)
				}
			}
		})
	}
}

// remove deletes a picture; the ledger row loses its reference first.
func (i *installation) remove(ctx context.Context, id string) error {
	return i.DB.InTx(ctx, func(ctx context.Context, tx database.Tx) error {
		if _, err := tx.NewRaw("DELETE FROM pictures WHERE id = ?", id).Exec(ctx); err != nil {
			return err
		}
		if _, err := tx.NewRaw("UPDATE counters SET n = n - 1").Exec(ctx); err != nil {
			return err
		}
		return i.Store.Doom(ctx, tx, "pictures/"+id)
	})
}

func TestRestoreOfAnOlderSchemaMigrates(t *testing.T) {
	t.Parallel()
	source := install(t, "")
	if err := source.DB.MigrateTo(t.Context(), map[string]int64{"herbarium": 1}, source.Sets...); err != nil {
		t.Fatal(err)
	}
	if err := source.add(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	folder, m := create(t, source)
	if m.Schemas["herbarium"] != 1 {
		t.Errorf("schema in the manifest = %d, want 1", m.Schemas["herbarium"])
	}
	target := install(t, "")
	if _, err := backup.Restore(t.Context(), folder, target.target()); err != nil {
		t.Fatalf("Restore: %v", err)
	}
	sound(t, target)
	target.exec(t, "INSERT INTO folders (id, cover_id, note) VALUES ('f', 'a', 'new column')")
}
