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
func Azurite(tb testing.TB) string {
	tb.Helper()
	connection := os.Getenv("GRANARY_TEST_AZURITE")
	if connection == "" {
		if os.Getenv("REQUIRE_SERVICES") == "1" {
			tb.Fatal("GRANARY_TEST_AZURITE is not set and REQUIRE_SERVICES=1")
		}
		tb.Skip("GRANARY_TEST_AZURITE is not set: not run on Azure Blob Storage")
	}
	return connection
}

// OpenAzurite returns a fresh container that is emptied when the test ends.
func OpenAzurite(tb testing.TB) bucket.Bucket {
	tb.Helper()
	return openCloud(tb, Azurite(tb), "t"+uuid.NewString())
}

// OpenURL returns the bucket at an azblob:// or s3:// URL, which is emptied
// when the test ends.
func OpenURL(tb testing.TB, address string) bucket.Bucket {
	tb.Helper()
	return openCloud(tb, address, "")
}

func openCloud(tb testing.TB, address, container string) bucket.Bucket {
	tb.Helper()
	b, err := cloud.Open(tb.Context(), address, container)
	if err != nil {
		tb.Fatalf("open bucket: %v", err)
	}
	tb.Cleanup(func() { empty(tb, b) })
	return b
}

func empty(tb testing.TB, b bucket.Bucket) {
	tb.Helper()
	ctx := context.Background() // the test's own has ended
	for info, err := range b.List(ctx, "") {
		if err == nil {
			err = b.Delete(ctx, info.Key)
		}
		if err != nil {
			tb.Errorf("empty bucket: %v", err)
			break
		}
	}
	if err := b.Close(); err != nil {
		tb.Errorf("close bucket: %v", err)
	}
}
