package blob_test

import (
	"bytes"
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/uptrace/bun"

	"granary/internal/platform/blob"
	"granary/internal/platform/blob/blobtest"
	"granary/internal/platform/blob/dir"
	"granary/internal/platform/database"
	"granary/internal/platform/database/databasetest"
)

// recorder keeps the text of every query.
type recorder struct {
	mu      sync.Mutex
	queries []string
}

func (r *recorder) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context { return ctx }

func (r *recorder) AfterQuery(_ context.Context, e *bun.QueryEvent) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queries = append(r.queries, e.Query)
}

// TestReadsUseAnIndex keeps every look at the ledger from scanning it.
func TestReadsUseAnIndex(t *testing.T) {
	t.Parallel()
	b := setup(t, databasetest.Open(t, blob.Migrations()))
	reader := b.db.Reader().(*bun.DB)
	seen := &recorder{}
	reader.AddQueryHook(seen) //nolint:staticcheck // its successor gives a copy, and the store has this one
	b.publish(t, b.put(t, "a/1", "x"), b.put(t, "a/2", "x"))
	b.put(t, "a/3", "x")
	if _, _, err := b.ReadAll(t.Context(), "a/1"); err != nil {
		t.Fatal(err)
	}
	b.doom(t, "a/1")
	b.sweep(t)
	if _, err := b.Check(t.Context(), func(key, what string) { t.Errorf("problem: %s %s", key, what) }); err != nil {
		t.Fatal(err)
	}
	queries := slices.Clone(seen.queries)
	if len(queries) < 6 {
		t.Fatalf("recorded %d queries, want those of Get, Sweep and Check", len(queries))
	}
	for _, query := range queries {
		var plan []struct {
			ID, Parent, Notused int
			Detail              string
		}
		if err := reader.NewRaw("EXPLAIN QUERY PLAN "+query).Scan(t.Context(), &plan); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		for _, step := range plan {
			if strings.Contains(step.Detail, "blob_objects") && !strings.Contains(step.Detail, "INDEX") {
				t.Errorf("%s\nplan: %s, want an index", query, step.Detail)
			}
		}
	}
}

func TestStoreOnAzure(t *testing.T) {
	t.Parallel()
	bucket := blobtest.OpenAzurite(t)
	db := databasetest.Open(t, blob.Migrations())
	b := &bundle{Store: blob.NewStore(db, bucket, blob.StoreConfig{}), db: db, bucket: bucket}
	b.publish(t, b.put(t, "a/1", "seed"), b.put(t, "a/2", "pod"))
	if data, _, err := b.ReadAll(t.Context(), "a/1"); err != nil || string(data) != "seed" {
		t.Errorf("ReadAll = %q, %v, want seed", data, err)
	}
	b.doom(t, "a/1")
	if got, want := b.sweep(t), (blob.Swept{Removed: 1}); got != want {
		t.Errorf("Sweep = %+v, want %+v", got, want)
	}
	if _, err := bucket.Put(t.Context(), "a/2", "", strings.NewReader("pot")); err != nil {
		t.Fatal(err)
	}
	var found []string
	if _, err := b.Check(t.Context(), func(key, _ string) { found = append(found, key) }); err != nil || len(found) != 1 || found[0] != "a/2" {
		t.Errorf("Check found %v, %v, want a/2 changed", found, err)
	}
}

func BenchmarkPutAndPublish1MB(b *testing.B) {
	db := databasetest.Open(b, blob.Migrations())
	bucket, err := dir.Open(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	s := blob.NewStore(db, bucket, blob.StoreConfig{})
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	data := make([]byte, 1<<20)
	b.SetBytes(int64(len(data)))
	for i := 0; b.Loop(); i++ {
		o, err := s.Put(b.Context(), "a/"+strconv.Itoa(i), "", bytes.NewReader(data))
		if err != nil {
			b.Fatal(err)
		}
		if err := db.InTx(b.Context(), func(ctx context.Context, tx database.Tx) error { return s.Publish(ctx, tx, o) }); err != nil {
			b.Fatal(err)
		}
	}
}
