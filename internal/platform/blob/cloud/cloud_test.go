package cloud_test

import (
	"os"
	"testing"

	"github.com/google/uuid"

	"granary/internal/platform/blob/blobtest"
	"granary/internal/platform/blob/bucket"
)

func TestConformanceAzure(t *testing.T) {
	t.Parallel()
	blobtest.Azurite(t)
	blobtest.Run(t, func(t *testing.T) bucket.Bucket { return blobtest.OpenAzurite(t) })
}

func TestConformanceS3(t *testing.T) {
	t.Parallel()
	address := os.Getenv("GRANARY_TEST_S3")
	if address == "" {
		t.Skip("GRANARY_TEST_S3 is not set: not run on S3")
	}
	blobtest.Run(t, func(t *testing.T) bucket.Bucket {
		return blobtest.OpenURL(t, address+"&prefix=t"+uuid.NewString()+"/")
	})
}
