package backup_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"granary/internal/platform/backup"
	"granary/internal/platform/blob/blobtest"
	"granary/internal/platform/fault"
)

func TestDamageIsFoundBeforeAnythingIsTouched(t *testing.T) {
	t.Parallel()
	edit := func(name string, change func([]byte) []byte) func(t *testing.T, folder string) {
		return func(t *testing.T, folder string) {
			t.Helper()
			path := filepath.Join(folder, name)
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, change(data), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	remove := func(name string) func(t *testing.T, folder string) {
		return func(t *testing.T, folder string) {
			t.Helper()
			if err := os.Remove(filepath.Join(folder, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	half := func(b []byte) []byte { return b[:len(b)/2] }
	flip := func(b []byte) []byte { b[len(b)/2] ^= 1; return b }
	for _, tc := range []struct {
		name   string
		file   string
		damage func(t *testing.T, folder string)
	}{
		{"truncated manifest", "manifest.json", edit("manifest.json", half)},
		{"changed manifest", "manifest.json", edit("manifest.json", func(b []byte) []byte {
			return bytes.Replace(b, []byte(`"objects": 3`), []byte(`"objects": 2`), 1)
		})},
		{"missing manifest", "manifest.json", remove("manifest.json")},
		{"missing digest of the manifest", "manifest.sha256", remove("manifest.sha256")},
		{"truncated table", "tables/pictures.jsonl", edit("tables/pictures.jsonl", half)},
		{"changed table", "tables/folders.jsonl", edit("tables/folders.jsonl", flip)},
		{"missing table", "tables/counters.jsonl", remove("tables/counters.jsonl")},
		{"changed object", "blobs/pictures/b", edit("blobs/pictures/b", flip)},
		{"truncated object", "blobs/pictures/b", edit("blobs/pictures/b", half)},
		{"grown object", "blobs/pictures/b", edit("blobs/pictures/b", func(b []byte) []byte { return append(b, 0) })},
		{"missing object", "blobs/pictures/c", remove("blobs/pictures/c")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			source := install(t, "").migrate(t)
			source.fill(t)
			folder, _ := create(t, source)
			tc.damage(t, folder)
			target := install(t, "")
			_, err := backup.Restore(t.Context(), folder, target.target())
			var damaged *backup.DamagedError
			if !errors.As(err, &damaged) || damaged.File != tc.file {
				t.Errorf("Restore = %v, want damage in %s", err, tc.file)
			}
			if keys := blobtest.Keys(t, target.Store.Bucket(), ""); len(keys) != 0 {
				t.Errorf("objects in the target = %v, want none", keys)
			}
			tables := 0
			if err := target.DB.Reader().NewRaw("SELECT COUNT(*) FROM sqlite_master").Scan(t.Context(), &tables); err != nil || tables != 0 {
				t.Errorf("tables in the target = %d, %v, want none", tables, err)
			}
		})
	}
}

func TestCreateLeavesNothingAfterAnError(t *testing.T) {
	t.Parallel()
	source := install(t, "").migrate(t)
	source.fill(t)
	parent := t.TempDir()
	if err := os.Remove(filepath.Join(source.folder, "blobs", "pictures", "b")); err != nil {
		t.Fatal(err)
	}
	if _, err := backup.Create(t.Context(), source.Source, filepath.Join(parent, "backup")); !fault.Is(err, fault.NotFound) {
		t.Errorf("Create with a lost object = %v, want not found", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := backup.Create(ctx, source.Source, filepath.Join(parent, "backup")); !errors.Is(err, context.Canceled) {
		t.Errorf("Create with a cancelled context = %v, want %v", err, context.Canceled)
	}
	left, err := os.ReadDir(parent)
	if err != nil || len(left) != 0 {
		t.Errorf("left behind = %v, %v, want nothing", left, err)
	}
	if _, err := backup.Create(t.Context(), source.Source, parent); !fault.Is(err, fault.Conflict) {
		t.Errorf("Create over a folder = %v, want a conflict", err)
	}
}

func TestFailedRestoreCanBeRepeated(t *testing.T) {
	t.Parallel()
	source := install(t, "").migrate(t)
	source.fill(t)
	source.exec(t, "CREATE TABLE extras (id TEXT PRIMARY KEY)")
	source.exec(t, "INSERT INTO extras (id) VALUES ('1')")
	folder, _ := create(t, source)
	target := install(t, "")
	if _, err := backup.Restore(t.Context(), folder, target.target()); !fault.Is(err, fault.Invalid) {
		t.Errorf("Restore of a table that the target lacks = %v, want invalid", err)
	}
	with := target.target()
	with.Discard = []string{"extras"}
	if _, err := backup.Restore(t.Context(), folder, with); err != nil {
		t.Errorf("Restore that leaves the table behind: %v", err)
	}
	sound(t, target)
}

func TestRestoreKeepsNativeColumnsAndSequences(t *testing.T) {
	t.Parallel()
	ddl := `CREATE TABLE engine_jobs (id BIGSERIAL PRIMARY KEY, args JSONB NOT NULL, tags VARCHAR(9)[], unique_key BYTEA, price NUMERIC(8,3))`
	source := install(t, url(t, "postgres")).migrate(t)
	source.exec(t, ddl)
	source.exec(t, `INSERT INTO engine_jobs (args, tags, unique_key, price) VALUES ('{"a": "it''s"}', '{"x,y",z}', '\xdeadbeef', 1.250), ('[]', NULL, NULL, NULL)`)
	folder, _ := create(t, source)
	target := install(t, url(t, "postgres")).migrate(t)
	target.exec(t, ddl)
	target.exec(t, "DELETE FROM counters")
	if _, err := backup.Restore(t.Context(), folder, target.target()); err != nil {
		t.Fatalf("Restore: %v", err)
	}
	again, _ := create(t, target)
	if diff := cmp.Diff(lines(t, folder, "engine_jobs"), lines(t, again, "engine_jobs")); diff != "" {
		t.Errorf("rows (-source +restored):\n%s", diff)
	}
	target.exec(t, "INSERT INTO engine_jobs (args) VALUES ('{}')")
	var newest int
	if err := target.DB.Reader().NewRaw("SELECT MAX(id) FROM engine_jobs").Scan(t.Context(), &newest); err != nil || newest != 3 {
		t.Errorf("next id = %d, %v, want 3", newest, err)
	}
}

func TestCheckReports(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			i := install(t, url(t, engine))
			report, err := backup.Check(t.Context(), i.Source, nil)
			if err != nil || report.Found != 2 {
				t.Errorf("Check of an empty database = %+v, %v, want 2 pending schemas", report, err)
			}
			i.migrate(t).fill(t)
			sound(t, i)
			if engine == "sqlite" {
				// Foreign keys cannot be switched off inside a transaction.
				i.exec(t, "PRAGMA writable_schema = ON")
				i.exec(t, "UPDATE sqlite_master SET sql = replace(sql, 'cover_id TEXT REFERENCES pictures (id)', 'cover_id TEXT') WHERE name = 'folders'")
				i.exec(t, "PRAGMA writable_schema = RESET")
				i.exec(t, "UPDATE folders SET cover_id = 'none'")
				i.exec(t, "PRAGMA writable_schema = ON")
				i.exec(t, "UPDATE sqlite_master SET sql = replace(sql, 'cover_id TEXT', 'cover_id TEXT REFERENCES pictures (id)') WHERE name = 'folders'")
				i.exec(t, "PRAGMA writable_schema = RESET")
			} else {
				i.exec(t, "ALTER TABLE folders DROP CONSTRAINT folders_cover_id_fkey")
				i.exec(t, "UPDATE folders SET cover_id = 'none'")
				i.exec(t, "ALTER TABLE folders ADD CONSTRAINT folders_cover_id_fkey FOREIGN KEY (cover_id) REFERENCES pictures (id) NOT VALID")
			}
			if err := os.Remove(filepath.Join(i.folder, "blobs", "pictures", "b")); err != nil {
				t.Fatal(err)
			}
			report, err = backup.Check(t.Context(), i.Source, map[string]backup.Checker{
				"vision": func(context.Context) ([]backup.Problem, error) {
					return []backup.Problem{{Subject: "picture a", What: "has no box"}}, nil
				},
			})
			if err != nil {
				t.Fatalf("Check: %v", err)
			}
			want := []backup.Problem{
				{Part: "schema", Subject: "folders", What: "has a foreign key that is not enforced: folders_cover_id_fkey"},
				{Part: "rows", Subject: "folders", What: "has 1 rows that refer to a missing row of pictures"},
				{Part: "blobs", Subject: "pictures/b", What: "object pictures/b is recorded but its bytes are missing"},
				{Part: "vision", Subject: "picture a", What: "has no box"},
			}
			if engine == "sqlite" {
				want = want[1:]
			}
			if diff := cmp.Diff(want, report.Problems); diff != "" || report.OK() {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
			broken := errors.New("cannot look")
			if _, err := backup.Check(t.Context(), i.Source, map[string]backup.Checker{
				"vision": func(context.Context) ([]backup.Problem, error) { return nil, broken },
			}); !errors.Is(err, broken) {
				t.Errorf("Check with a checker that fails = %v, want %v", err, broken)
			}
		})
	}
}
