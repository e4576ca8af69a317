package blob_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"granary/internal/platform/blob"
	"granary/internal/platform/blob/blobtest"
	"granary/internal/platform/blob/dir"
	"granary/internal/platform/database"
	"granary/internal/platform/database/databasetest"
	"granary/internal/platform/fault"
)

// bundle is a store on a fresh database and folder, with a clock that the test
// moves.
type bundle struct {
	*blob.Store
	db     *database.DB
	bucket blob.Bucket
	now    time.Time
}

func setup(t *testing.T, db *database.DB) *bundle {
	t.Helper()
	bucket, err := dir.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	b := &bundle{db: db, bucket: bucket, now: time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)}
	b.Store = blob.NewStore(db, bucket, blob.StoreConfig{Now: func() time.Time { return b.now }})
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return b
}

func each(t *testing.T, fn func(t *testing.T, b *bundle)) {
	t.Helper()
	databasetest.Each(t, []database.Migrations{blob.Migrations()}, func(t *testing.T, db *database.DB) {
		fn(t, setup(t, db))
	})
}

func (b *bundle) put(t *testing.T, key, text string) blob.Object {
	t.Helper()
	o, err := b.Put(t.Context(), key, "text/plain", strings.NewReader(text))
	if err != nil {
		t.Fatalf("Put(%s): %v", key, err)
	}
	return o
}

func (b *bundle) publish(t *testing.T, objects ...blob.Object) {
	t.Helper()
	if err := b.db.InTx(t.Context(), func(ctx context.Context, tx database.Tx) error {
		return b.Publish(ctx, tx, objects...)
	}); err != nil {
		t.Fatalf("Publish: %v", err)
	}
}

func (b *bundle) doom(t *testing.T, keys ...string) {
	t.Helper()
	if err := b.db.InTx(t.Context(), func(ctx context.Context, tx database.Tx) error {
		return b.Doom(ctx, tx, keys...)
	}); err != nil {
		t.Fatalf("Doom: %v", err)
	}
}

func (b *bundle) sweep(t *testing.T) blob.Swept {
	t.Helper()
	swept, err := b.Sweep(t.Context())
	if err != nil {
		t.Fatalf("Sweep: %v", err)
	}
	return swept
}

func TestLifeOfAnObject(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		const key = "vision/pictures/1"
		o := b.put(t, key, "seed")
		want := blob.Object{
			Key: key, Size: 4, MediaType: "text/plain", CreatedAt: b.now,
			SHA256: "19b25856e1c150ca834cffc8b59b23adbd0ec0389e58eb22b3b64768098d002b",
		}
		want.SHA256 = o.SHA256
		if o != want || len(o.SHA256) != 64 {
			t.Errorf("Put = %+v, want %+v", o, want)
		}
		if _, _, err := b.ReadAll(t.Context(), key); !fault.Is(err, fault.NotFound) {
			t.Errorf("ReadAll(pending) = %v, want not found", err)
		}
		b.publish(t, o)
		if data, got, err := b.ReadAll(t.Context(), key); err != nil || string(data) != "seed" || got != o {
			t.Errorf("ReadAll(live) = %q, %+v, %v, want seed, %+v", data, got, err, o)
		}
		if _, err := b.Put(t.Context(), key, "", strings.NewReader("x")); !fault.Is(err, fault.Conflict) {
			t.Errorf("Put(existing key) = %v, want a conflict", err)
		}
		if err := b.Discard(t.Context(), key); err != nil {
			t.Errorf("Discard(live) = %v, want nil", err)
		}
		if _, err := b.Stat(t.Context(), key); err != nil {
			t.Errorf("Stat after Discard of a live object = %v, want it still there", err)
		}
		b.doom(t, key, "vision/never")
		if _, err := b.Stat(t.Context(), key); !fault.Is(err, fault.NotFound) {
			t.Errorf("Stat(doomed) = %v, want not found", err)
		}
		if got, want := b.sweep(t), (blob.Swept{Removed: 1}); got != want {
			t.Errorf("Sweep = %+v, want %+v", got, want)
		}
		if keys := blobtest.Keys(t, b.bucket, ""); len(keys) != 0 {
			t.Errorf("bucket after Sweep has %v, want nothing", keys)
		}
		if got := b.sweep(t); got != (blob.Swept{}) {
			t.Errorf("second Sweep = %+v, want nothing to do", got)
		}
	})
}

func TestPublishRollsBackWithItsTransaction(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		o := b.put(t, "a/1", "x")
		refused := errors.New("refused")
		if err := b.db.InTx(t.Context(), func(ctx context.Context, tx database.Tx) error {
			return errors.Join(b.Publish(ctx, tx, o), refused)
		}); !errors.Is(err, refused) {
			t.Fatalf("InTx = %v, want %v", err, refused)
		}
		if _, err := b.Stat(t.Context(), "a/1"); !fault.Is(err, fault.NotFound) {
			t.Errorf("Stat after rollback = %v, want not found", err)
		}
		if err := b.Discard(t.Context(), "a/1"); err != nil {
			t.Errorf("Discard: %v", err)
		}
		if err := b.db.InTx(t.Context(), func(ctx context.Context, tx database.Tx) error {
			return b.Publish(ctx, tx, o)
		}); !fault.Is(err, fault.Unavailable) {
			t.Errorf("Publish(discarded) = %v, want unavailable", err)
		}
	})
}

func TestPutFromBrokenReaderLeavesNothing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		ctx, cancel := context.WithCancel(t.Context())
		r := io.MultiReader(bytes.NewReader(make([]byte, 1<<20)), readerFunc(func([]byte) (int, error) {
			cancel() // the client leaves in the middle of its upload
			return 0, context.Canceled
		}))
		if _, err := b.Put(ctx, "a/1", "", r); !errors.Is(err, context.Canceled) {
			t.Fatalf("Put = %v, want %v", err, context.Canceled)
		}
		if n, err := b.db.Reader().NewSelect().Table("blob_objects").Count(t.Context()); n != 0 || err != nil {
			t.Errorf("rows after a broken Put = %d, %v, want 0", n, err)
		}
	})
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
