package blob_test

import (
	"context"
	"testing"

	"granary/internal/platform/blob"
	"granary/internal/platform/database"
	"granary/internal/platform/fault"
)

func TestReachTellsAnotherBucket(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		bucket, err := blob.Open(t.Context(), blob.Config{URL: "file:" + t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		other := blob.NewStore(b.db, bucket, blob.StoreConfig{})
		t.Cleanup(func() {
			if err := other.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
		if err := other.Reach(t.Context()); err != nil {
			t.Errorf("Reach with an empty ledger = %v, want no error", err)
		}
		object := b.put(t, "a/live", "12345")
		if err := b.db.InTx(t.Context(), func(ctx context.Context, tx database.Tx) error {
			return b.Publish(ctx, tx, object)
		}); err != nil {
			t.Fatal(err)
		}
		if err := b.Reach(t.Context()); err != nil {
			t.Errorf("Reach of the own bucket = %v, want no error", err)
		}
		if err := other.Reach(t.Context()); !fault.Is(err, fault.Conflict) {
			t.Errorf("Reach of another bucket = %v, want a conflict", err)
		}
	})
}
