package dir_test

import (
	"testing"

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
