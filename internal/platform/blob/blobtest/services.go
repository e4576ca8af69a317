package blobtest

import (
	"context"
	"os"
	"testing"

	"github.com/google/uuid"

	"granary/internal/platform/blob/bucket"
	"granary/internal/platform/blob/cloud"
)

// Azurite returns the connection string of the Azure storage emulator; it
// skips the test where there is none, or fails it with REQUIRE_SERVICES=1.
func Azurite(t testing.TB) string {
	t.Helper()
	connection := os.Getenv("GRANARY_TEST_AZURITE")
	if connection == "" {
		if os.Getenv("REQUIRE_SERVICES") == "1" {
			t.Fatal("GRANARY_TEST_AZURITE is not set and REQUIRE_SERVICES=1")
		}
		t.Skip("GRANARY_TEST_AZURITE is not set: not run on Azure Blob Storage")
	}
	return connection
}

// OpenAzurite returns a fresh container that is emptied when the test ends.
func OpenAzurite(t testing.TB) bucket.Bucket {
	t.Helper()
	return openCloud(t, Azurite(t), "t"+uuid.NewString())
}

// OpenURL returns the bucket at an azblob:// or s3:// URL, which is emptied
// when the test ends.
func OpenURL(t testing.TB, address string) bucket.Bucket {
	t.Helper()
	return openCloud(t, address, "")
}

func openCloud(t testing.TB, address, container string) bucket.Bucket {
	t.Helper()
	b, err := cloud.Open(t.Context(), address, container)
	if err != nil {
		t.Fatalf("open bucket: %v", err)
	}
	t.Cleanup(func() { empty(t, b) })
	return b
}

func empty(t testing.TB, b bucket.Bucket) {
	ctx := context.Background() // the test's own has ended
	for info, err := range b.List(ctx, "") {
		if err == nil {
			err = b.Delete(ctx, info.Key)
		}
		if err != nil {
			t.Errorf("empty bucket: %v", err)
			break
		}
	}
	if err := b.Close(); err != nil {
		t.Errorf("close bucket: %v", err)
	}
}
