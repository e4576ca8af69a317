package dir_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"granary/internal/platform/blob/blobtest"
	"granary/internal/platform/blob/bucket"
	"granary/internal/platform/blob/dir"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	blobtest.Run(t, func(t *testing.T) bucket.Bucket { return open(t, t.TempDir()) })
}

func open(t *testing.T, folder string) *dir.Bucket {
	t.Helper()
	b, err := dir.Open(folder)
	if err != nil {
		t.Fatalf("Open(%s): %v", folder, err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return b
}

func TestSymbolicLinksCannotLeaveTheFolder(t *testing.T) {
	t.Parallel()
	outside, folder := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "secret"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(folder, "link")); err != nil {
		t.Fatal(err)
	}
	b := open(t, folder)
	if _, _, err := b.Get(t.Context(), "link/secret"); err == nil {
		t.Error("Get through a link out of the folder = nil error, want one")
	}
	if _, err := b.Put(t.Context(), "link/new", "", strings.NewReader("x")); err == nil {
		t.Error("Put through a link out of the folder = nil error, want one")
	}
	if keys := blobtest.Keys(t, b, ""); len(keys) != 0 {
		t.Errorf("List = %v, want nothing", keys)
	}
}

func TestLeftoversOfLivingWritersStay(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	b := open(t, folder)
	if err := os.WriteFile(filepath.Join(folder, ".tmp-DEAD"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var during, after []string
	r := io.MultiReader(strings.NewReader("half"), readerFunc(func([]byte) (int, error) {
		during = leftovers(t, b, true)
		return 0, io.EOF
	}))
	if _, err := b.Put(t.Context(), "a/b", "", r); err != nil {
		t.Fatal(err)
	}
	after = leftovers(t, b, false)
	if diff := cmp.Diff([]string{".tmp-DEAD"}, during); diff != "" {
		t.Errorf("leftovers during a write (-want +got):\n%s", diff)
	}
	if len(after) != 0 {
		t.Errorf("leftovers after removal = %v, want none", after)
	}
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func leftovers(t *testing.T, b *dir.Bucket, remove bool) []string {
	t.Helper()
	var names []string
	for name, err := range b.Leftovers(t.Context(), remove) {
		if err != nil {
			t.Fatalf("Leftovers: %v", err)
		}
		names = append(names, name)
	}
	return names
}

func BenchmarkPut1MB(b *testing.B) {
	bucket, err := dir.Open(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	data := make([]byte, 1<<20)
	b.SetBytes(int64(len(data)))
	for i := 0; b.Loop(); i++ {
		if _, err := bucket.Put(b.Context(), "a/"+strconv.Itoa(i), "", bytes.NewReader(data)); err != nil {
			b.Fatal(err)
		}
	}
	if err := bucket.Close(); err != nil {
		b.Fatal(err)
	}
}
