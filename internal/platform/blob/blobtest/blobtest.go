// Package blobtest is what every bucket must do, run by each adapter's tests,
// and helpers to open buckets in the tests of other packages.
package blobtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"granary/internal/platform/blob/bucket"
	"granary/internal/platform/fault"
)

// Run checks every promise of bucket.Bucket. open returns an empty bucket.
func Run(t *testing.T, open func(t *testing.T) bucket.Bucket) {
	t.Helper()
	for _, tc := range []struct {
		name string
		run  func(t *testing.T, b bucket.Bucket)
	}{
		{"put then get gives the same bytes", roundTrip},
		{"put replaces", replace},
		{"absent object", absent},
		{"delete is idempotent", deletes},
		{"failed reader leaves no object", failedReader},
		{"cancelled put leaves no object", cancelled},
		{"list is in key order and by prefix", list},
		{"concurrent writers", concurrent},
		{"refused keys", refusedKeys},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tc.run(t, open(t))
		})
	}
}

func put(t *testing.T, b bucket.Bucket, key string, data []byte) {
	t.Helper()
	if n, err := b.Put(t.Context(), key, "image/png", bytes.NewReader(data)); err != nil || n != int64(len(data)) {
		t.Fatalf("Put(%s) = %d, %v, want %d, nil", key, n, err, len(data))
	}
}

func get(t *testing.T, b bucket.Bucket, key string) []byte {
	t.Helper()
	r, info, err := b.Get(t.Context(), key)
	if err != nil {
		t.Fatalf("Get(%s): %v", key, err)
	}
	data, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		t.Fatalf("read %s: %v", key, err)
	}
	if info.Key != key || info.Size != int64(len(data)) || info.Modified.IsZero() {
		t.Errorf("Get(%s) info = %+v, want its key, %d bytes and a time", key, info, len(data))
	}
	return data
}

func roundTrip(t *testing.T, b bucket.Bucket) {
	t.Helper()
	for _, size := range []int{0, 1, 4096, 12<<20 + 7} {
		key := fmt.Sprintf("vision/pictures/%d.bin", size)
		data := make([]byte, size)
		if _, err := rand.Read(data); err != nil {
			t.Fatal(err)
		}
		put(t, b, key, data)
		if got := get(t, b, key); !bytes.Equal(got, data) {
			t.Errorf("Get(%s) gave %d other bytes, want the %d put", key, len(got), size)
		}
		if info, err := b.Stat(t.Context(), key); err != nil || info.Size != int64(size) || info.Key != key {
			t.Errorf("Stat(%s) = %+v, %v, want %d bytes", key, info, err, size)
		}
	}
}

func replace(t *testing.T, b bucket.Bucket) {
	t.Helper()
	put(t, b, "a/b", []byte("first and longer"))
	put(t, b, "a/b", []byte("second"))
	if got := string(get(t, b, "a/b")); got != "second" {
		t.Errorf("Get after a second Put = %q, want %q", got, "second")
	}
}

func absent(t *testing.T, b bucket.Bucket) {
	t.Helper()
	if _, _, err := b.Get(t.Context(), "no/such"); !bucket.Missing(err) || !fault.Is(err, fault.NotFound) {
		t.Errorf("Get(absent) = %v, want not found", err)
	}
	if _, err := b.Stat(t.Context(), "no/such"); !bucket.Missing(err) {
		t.Errorf("Stat(absent) = %v, want not found", err)
	}
	put(t, b, "folder/object", nil)
	if _, _, err := b.Get(t.Context(), "folder"); !bucket.Missing(err) {
		t.Errorf("Get(folder of an object) = %v, want not found", err)
	}
	if _, err := b.Stat(t.Context(), "folder"); !bucket.Missing(err) {
		t.Errorf("Stat(folder of an object) = %v, want not found", err)
	}
}

func deletes(t *testing.T, b bucket.Bucket) {
	t.Helper()
	put(t, b, "a/1", []byte("x"))
	put(t, b, "a/2", []byte("y"))
	put(t, b, "b", []byte("z"))
	for range 2 {
		if err := b.Delete(t.Context(), "a/1", "b", "never/was", "a"); err != nil {
			t.Fatalf("Delete: %v", err)
		}
	}
	if diff := cmp.Diff([]string{"a/2"}, Keys(t, b, "")); diff != "" {
		t.Errorf("keys after Delete (-want +got):\n%s", diff)
	}
}

func failedReader(t *testing.T, b bucket.Bucket) {
	t.Helper()
	put(t, b, "old", []byte("kept"))
	broken := errors.New("client left")
	for _, key := range []string{"new", "old"} {
		r := io.MultiReader(bytes.NewReader(make([]byte, 6<<20)), iotest.ErrReader(broken))
		if _, err := b.Put(t.Context(), key, "", r); !errors.Is(err, broken) {
			t.Errorf("Put(%s) from a broken reader = %v, want %v", key, err, broken)
		}
	}
	if diff := cmp.Diff([]string{"old"}, Keys(t, b, "")); diff != "" {
		t.Errorf("keys after failed writes (-want +got):\n%s", diff)
	}
	if got := string(get(t, b, "old")); got != "kept" {
		t.Errorf("Get(old) = %q, want what was there before the failed write", got)
	}
}

func cancelled(t *testing.T, b bucket.Bucket) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r := io.MultiReader(bytes.NewReader(make([]byte, 1<<20)), readerFunc(func(p []byte) (int, error) {
		cancel()
		return len(p), nil // would never end
	}))
	if _, err := b.Put(ctx, "endless", "", r); !errors.Is(err, context.Canceled) {
		t.Errorf("Put with a cancelled context = %v, want %v", err, context.Canceled)
	}
	if keys := Keys(t, b, ""); len(keys) != 0 {
		t.Errorf("keys after a cancelled Put = %v, want none", keys)
	}
	if _, _, err := b.Get(ctx, "endless"); err == nil {
		t.Error("Get with a cancelled context = nil error, want one")
	}
}

func list(t *testing.T, b bucket.Bucket) {
	t.Helper()
	// '-' and '.' sort before '/', '0' after it: folders must not come first.
	keys := []string{"a-b", "a.b", "a/b", "a/b-c", "a/c/d", "a/c/e", "a/c0", "a0", "b/a"}
	for _, key := range slices.Backward(keys) {
		put(t, b, key, []byte(key))
	}
	for _, tc := range []struct {
		prefix string
		want   []string
	}{
		{"", keys},
		{"a/", []string{"a/b", "a/b-c", "a/c/d", "a/c/e", "a/c0"}},
		{"a/c", []string{"a/c/d", "a/c/e", "a/c0"}},
		{"a/c/", []string{"a/c/d", "a/c/e"}},
		{"a/c/d", []string{"a/c/d"}},
		{"a/c/d/", nil},
		{"c", nil},
		{"../", nil},
	} {
		if diff := cmp.Diff(tc.want, Keys(t, b, tc.prefix)); diff != "" {
			t.Errorf("List(%q) (-want +got):\n%s", tc.prefix, diff)
		}
	}
	for info, err := range b.List(t.Context(), "a/") {
		if err != nil || info.Key != "a/b" || info.Size != int64(len("a/b")) || info.Modified.IsZero() {
			t.Errorf("first of List(a/) = %+v, %v, want a/b, 3 bytes and a time", info, err)
		}
		break // a consumer that has seen enough ends the walk
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var failed error
	for _, err := range b.List(ctx, "") {
		failed = err
	}
	if failed == nil {
		t.Error("List with a cancelled context ended without an error")
	}
}

func concurrent(t *testing.T, b bucket.Bucket) {
	t.Helper()
	const writers = 8
	var group sync.WaitGroup
	for i := range writers {
		group.Go(func() {
			own := fmt.Sprintf("many/%d", i)
			data := strings.Repeat(string(rune('a'+i)), 100<<10)
			for _, key := range []string{own, "same"} {
				if _, err := b.Put(t.Context(), key, "", strings.NewReader(data)); err != nil {
					t.Errorf("Put(%s): %v", key, err)
				}
			}
		})
	}
	group.Wait()
	same := get(t, b, "same")
	if len(same) != 100<<10 || strings.Trim(string(same), string(same[:1])) != "" {
		t.Errorf("the object that all wrote mixes their bytes (%d of them)", len(same))
	}
	if got := len(Keys(t, b, "many/")); got != writers {
		t.Errorf("objects after concurrent writes = %d, want %d", got, writers)
	}
}

func refusedKeys(t *testing.T, b bucket.Bucket) {
	t.Helper()
	for _, key := range []string{
		"", "/", "a/", "/a", "a//b", ".", "..", "../a", "a/../b", "a/.tmp-x", "A", "a b", "a\x00", "ä", `a\b`,
		strings.Repeat("a", bucket.MaxSegmentBytes+1), strings.Repeat("a/", bucket.MaxKeyBytes/2) + "a",
	} {
		if _, err := b.Put(t.Context(), key, "", strings.NewReader("x")); !fault.Is(err, fault.Invalid) {
			t.Errorf("Put(%q) = %v, want an invalid error", key, err)
		}
		if _, _, err := b.Get(t.Context(), key); !fault.Is(err, fault.Invalid) {
			t.Errorf("Get(%q) = %v, want an invalid error", key, err)
		}
		if _, err := b.Stat(t.Context(), key); !fault.Is(err, fault.Invalid) {
			t.Errorf("Stat(%q) = %v, want an invalid error", key, err)
		}
		if err := b.Delete(t.Context(), key); !fault.Is(err, fault.Invalid) {
			t.Errorf("Delete(%q) = %v, want an invalid error", key, err)
		}
	}
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// Keys returns the keys that List gives for prefix.
func Keys(tb testing.TB, b bucket.Bucket, prefix string) []string {
	tb.Helper()
	var keys []string
	for info, err := range b.List(tb.Context(), prefix) {
		if err != nil {
			tb.Fatalf("List(%q): %v", prefix, err)
		}
		keys = append(keys, info.Key)
	}
	return keys
}
