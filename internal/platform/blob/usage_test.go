package blob_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"granary/internal/platform/blob"
	"granary/internal/platform/database"
)

func TestUsageCountsByState(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		if usage, err := b.Usage(t.Context()); err != nil || len(usage) != 0 {
			t.Errorf("Usage of an empty store = %v, %v, want nothing", usage, err)
		}
		live, more := b.put(t, "a/live", "12345"), b.put(t, "a/more", "123")
		b.put(t, "a/pending", "1")
		if err := b.db.InTx(t.Context(), func(ctx context.Context, tx database.Tx) error {
			return b.Publish(ctx, tx, live, more)
		}); err != nil {
			t.Fatal(err)
		}
		usage, err := b.Usage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got := map[blob.State]int64{}
		for _, u := range usage {
			got[u.State] = u.Objects
			if u.State == blob.Live && u.Bytes != 8 {
				t.Errorf("Usage of live objects = %d bytes, want 8", u.Bytes)
			}
		}
		if diff := cmp.Diff(map[blob.State]int64{blob.Live: 2, blob.Pending: 1}, got); diff != "" {
			t.Errorf("Usage objects (-want +got):\n%s", diff)
		}
	})
}
