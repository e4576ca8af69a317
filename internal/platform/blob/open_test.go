package blob_test

import (
	"path/filepath"
	"strings"
	"testing"

	"granary/internal/platform/blob"
	"granary/internal/platform/blob/blobtest"
)

func TestOpenByURL(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for _, prefix := range []string{"file:", "file://"} {
		b, err := blob.Open(t.Context(), blob.Config{URL: prefix + filepath.Join(folder, "new", "blobs")})
		if err != nil {
			t.Fatalf("Open(%s): %v", prefix, err)
		}
		if _, err := b.Put(t.Context(), "a/b", "", strings.NewReader("x")); err != nil {
			t.Errorf("Put: %v", err)
		}
		if err := b.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	if found, err := filepath.Glob(filepath.Join(folder, "new", "blobs", "a", "b")); err != nil || len(found) != 1 {
		t.Errorf("file of a/b = %v, %v, want it below the folder", found, err)
	}
	for _, url := range []string{"", "file:", "ftp://host", "AccountName=lab", "AccountName=lab;AccountKey=hunter2", "/var/blobs"} {
		if b, err := blob.Open(t.Context(), blob.Config{URL: url}); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("Open(%q) = %v, %v, want an error without secrets", url, b, err)
		}
	}
}

func TestOpenByConnectionString(t *testing.T) {
	t.Parallel()
	connection := blobtest.Azurite(t)
	for range 2 { // the second time the container exists
		b, err := blob.Open(t.Context(), blob.Config{URL: connection})
		if err != nil {
			t.Fatalf("Open: %v", err)
		}
		if _, err := b.Put(t.Context(), "open-test/a", "", strings.NewReader("x")); err != nil {
			t.Errorf("Put: %v", err)
		}
		if err := b.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
}
