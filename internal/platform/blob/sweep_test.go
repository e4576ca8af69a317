package blob_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"granary/internal/platform/blob"
	"granary/internal/platform/blob/blobtest"
	"granary/internal/platform/blob/dir"
	"granary/internal/platform/database"
	"granary/internal/platform/database/databasetest"
	"granary/internal/platform/fault"
)

func TestSweepRespectsTheLease(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		o := b.put(t, "a/1", "x")
		b.now = b.now.Add(time.Hour)
		if got := b.sweep(t); got != (blob.Swept{}) {
			t.Errorf("Sweep within the lease = %+v, want nothing", got)
		}
		b.now = b.now.Add(time.Second)
		if got, want := b.sweep(t), (blob.Swept{Expired: 1, Removed: 1}); got != want {
			t.Errorf("Sweep after the lease = %+v, want %+v", got, want)
		}
		err := b.db.InTx(t.Context(), func(ctx context.Context, tx database.Tx) error { return b.Publish(ctx, tx, o) })
		if !fault.Is(err, fault.Unavailable) {
			t.Errorf("Publish(swept) = %v, want unavailable", err)
		}
	})
}

func TestSweepKeepsWhatAHoldProtects(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		b.publish(t, b.put(t, "a/1", "x"), b.put(t, "a/2", "y"))
		hold, err := b.Hold(t.Context(), "backup")
		if err != nil {
			t.Fatalf("Hold: %v", err)
		}
		b.doom(t, "a/1")
		if got := b.sweep(t); got != (blob.Swept{}) {
			t.Errorf("Sweep under a hold = %+v, want nothing", got)
		}
		if err := hold.Release(t.Context()); err != nil {
			t.Errorf("Release: %v", err)
		}
		if got, want := b.sweep(t), (blob.Swept{Removed: 1}); got != want {
			t.Errorf("Sweep after the hold = %+v, want %+v", got, want)
		}
		if hold, err = b.Hold(t.Context(), "backup that dies"); err != nil {
			t.Fatalf("Hold: %v", err)
		}
		b.doom(t, "a/2")
		b.now = b.now.Add(time.Hour)
		if got, want := b.sweep(t), (blob.Swept{Removed: 1}); got != want {
			t.Errorf("Sweep after the hold expired = %+v, want %+v", got, want)
		}
		if err := hold.Release(t.Context()); err != nil {
			t.Errorf("Release: %v", err)
		}
	})
}

func TestSweepersSideBySide(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		var keys []string
		for i := range 450 { // more than two batches
			key := fmt.Sprintf("a/%d", i)
			keys = append(keys, key)
			b.publish(t, b.put(t, key, key))
		}
		b.doom(t, keys...)
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				if _, err := b.Sweep(t.Context()); err != nil {
					t.Errorf("Sweep: %v", err)
				}
			})
		}
		group.Wait()
		if left := blobtest.Keys(t, b.bucket, ""); len(left) != 0 {
			t.Errorf("%d objects are left, want 0", len(left))
		}
		if got := b.sweep(t); got != (blob.Swept{}) {
			t.Errorf("Sweep after all = %+v, want nothing", got)
		}
	})
}

func TestStartSweepsAtOnceAndStopWaits(t *testing.T) {
	t.Parallel()
	b := setup(t, databasetest.Open(t, blob.Migrations()))
	b.publish(t, b.put(t, "a/1", "x"))
	b.doom(t, "a/1")
	watched := &watchedBucket{Bucket: b.bucket, deleted: make(chan struct{})}
	s := blob.NewStore(b.db, watched, blob.StoreConfig{})
	if err := s.Start(t.Context()); err != nil {
		t.Fatalf("Start: %v", err)
	}
	if err := s.Start(t.Context()); err == nil {
		t.Error("second Start = nil, want an error")
	}
	<-watched.deleted
	s.Stop()
	s.Stop()
	if keys := blobtest.Keys(t, b.bucket, ""); len(keys) != 0 {
		t.Errorf("bucket after Start has %v, want nothing", keys)
	}
}

type watchedBucket struct {
	blob.Bucket
	deleted chan struct{}
}

func (w *watchedBucket) Delete(ctx context.Context, keys ...string) error {
	defer close(w.deleted)
	return w.Bucket.Delete(ctx, keys...)
}

// stubborn is a bucket that cannot delete some keys.
type stubborn struct {
	blob.Bucket
	refuses func(key string) bool
}

func (s *stubborn) Delete(ctx context.Context, keys ...string) error {
	if slices.ContainsFunc(keys, s.refuses) {
		return errors.New("permission denied")
	}
	return s.Bucket.Delete(ctx, keys...)
}

func TestSweepGoesOnAfterAnObjectThatStays(t *testing.T) {
	t.Parallel()
	b := setup(t, databasetest.Open(t, blob.Migrations()))
	b.publish(t, b.put(t, "a/1", "x"), b.put(t, "a/2", "x"), b.put(t, "a/3", "x"))
	b.doom(t, "a/1", "a/2", "a/3")
	bad := &stubborn{b.bucket, func(key string) bool { return key == "a/2" }}
	s := blob.NewStore(b.db, bad, blob.StoreConfig{})
	if swept, err := s.Sweep(t.Context()); err == nil || swept.Removed != 2 {
		t.Errorf("Sweep = %+v, %v, want 2 removed and an error", swept, err)
	}
	if got, want := b.sweep(t), (blob.Swept{Removed: 1}); got != want {
		t.Errorf("next Sweep = %+v, want %+v", got, want)
	}
}

// TestMain lets the test binary play a server that is killed in the middle of
// an upload.
func TestMain(m *testing.M) {
	if url := os.Getenv("BLOB_TEST_DIE_IN"); url != "" {
		dieUploading(url)
	}
	os.Exit(m.Run())
}

func dieUploading(folder string) {
	ctx := context.Background()
	db, err := database.Open(ctx, database.Config{URL: "sqlite:" + filepath.Join(folder, "granary.db")})
	if err != nil {
		panic(err)
	}
	bucket, err := dir.Open(filepath.Join(folder, "blobs"))
	if err != nil {
		panic(err)
	}
	s := blob.NewStore(db, bucket, blob.StoreConfig{})
	if _, err := s.Put(ctx, "a/whole", "", strings.NewReader("never published")); err != nil {
		panic(err)
	}
	_, err = s.Put(ctx, "a/half", "", readerFunc(func(p []byte) (int, error) {
		process, err := os.FindProcess(os.Getpid())
		if err != nil {
			return 0, err
		}
		return len(p), process.Kill()
	}))
	panic(fmt.Sprint("survived: ", err))
}

func TestKilledWriterIsSweptAtOnceAndALivingOneIsNot(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	db, err := database.Open(t.Context(), database.Config{URL: "sqlite:" + filepath.Join(folder, "granary.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := db.Migrate(t.Context(), blob.Migrations()); err != nil {
		t.Fatal(err)
	}
	open := func() *blob.Store {
		bucket, err := dir.Open(filepath.Join(folder, "blobs"))
		if err != nil {
			t.Fatal(err)
		}
		s := blob.NewStore(db, bucket, blob.StoreConfig{})
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		return s
	}
	other, sweeper := open(), open()
	if _, err := other.Put(t.Context(), "b/alive", "", strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	server := exec.CommandContext(t.Context(), os.Args[0])
	server.Env = append(os.Environ(), "BLOB_TEST_DIE_IN="+folder)
	if out, err := server.CombinedOutput(); err == nil || len(out) != 0 {
		t.Fatalf("killed server = %v, %s, want a silent death", err, out)
	}
	var found []string
	note := func(key, what string) { found = append(found, filepath.Dir(key)+" "+what) }
	if checked, err := sweeper.Check(t.Context(), note); err != nil || checked.Pending != 3 {
		t.Errorf("Check = %+v, %v, want 3 pending", checked, err)
	}
	if diff := cmp.Diff([]string{"a is a temporary file of a writer that died"}, found); diff != "" {
		t.Errorf("problems before the sweep (-want +got):\n%s", diff)
	}
	swept, err := sweeper.Sweep(t.Context())
	if want := (blob.Swept{Expired: 2, Removed: 2, Leftovers: 1}); err != nil || swept != want {
		t.Errorf("Sweep = %+v, %v, want %+v", swept, err, want)
	}
	if diff := cmp.Diff([]string{"b/alive"}, blobtest.Keys(t, sweeper.Bucket(), "")); diff != "" {
		t.Errorf("objects after Sweep (-want +got):\n%s", diff)
	}
	files, err := os.ReadDir(filepath.Join(folder, "granary.db-writers"))
	if err != nil || len(files) != 1 {
		t.Errorf("writers registered after Sweep = %v, %v, want the living one", files, err)
	}
}
