package blob_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"granary/internal/platform/blob"
	"granary/internal/platform/blob/dir"
	"granary/internal/platform/database"
	"granary/internal/platform/database/databasetest"
)

// remote is a bucket whose uploads land after they were given up.
type remote struct {
	blob.Bucket
	land func() error
}

func (r *remote) Put(ctx context.Context, key, mediaType string, body io.Reader) (int64, error) {
	data, err := io.ReadAll(body)
	r.land = func() error {
		_, err := r.Bucket.Put(context.WithoutCancel(ctx), key, mediaType, strings.NewReader(string(data)))
		return err
	}
	return 0, errors.Join(err, errors.New("the connection was cut"))
}

func TestLateUploadLeavesNoOrphan(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, []database.Migrations{blob.Migrations()}, func(t *testing.T, db *database.DB) {
		folder, err := dir.Open(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		now := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
		far := &remote{Bucket: folder}
		s := blob.NewStore(db, far, blob.StoreConfig{Now: func() time.Time { return now }})
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
		if _, err := s.Put(t.Context(), "a/1", "text/plain", strings.NewReader("x")); err == nil {
			t.Fatal("Put over a cut connection = nil, want an error")
		}
		if swept, err := s.Sweep(t.Context()); err != nil || swept.Removed != 0 {
			t.Errorf("Sweep while the upload may land = %+v, %v; want the row kept", swept, err)
		}
		if err := far.land(); err != nil {
			t.Fatalf("the upload lands: %v", err)
		}
		checked, err := s.Check(t.Context(), func(key, what string) { t.Errorf("Check: %s: %s", key, what) })
		if err != nil || checked.Doomed != 1 {
			t.Errorf("Check = %+v, %v; want the doomed row", checked, err)
		}
		now = now.Add(time.Hour)
		if swept, err := s.Sweep(t.Context()); err != nil || swept.Removed != 1 {
			t.Errorf("Sweep afterwards = %+v, %v; want it removed", swept, err)
		}
		if checked, err := s.Check(t.Context(), func(key, what string) { t.Errorf("Check: %s: %s", key, what) }); err != nil || checked.Doomed != 0 {
			t.Errorf("Check = %+v, %v; want nothing left", checked, err)
		}
	})
}
