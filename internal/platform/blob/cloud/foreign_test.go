package cloud_test

import (
	"context"
	"io"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	"github.com/google/uuid"

	"granary/internal/platform/blob/blobtest"
	"granary/internal/platform/blob/bucket"
	"granary/internal/platform/blob/cloud"
)

// TestReadsNamesAsTheyAre reads names that gocloud.dev would change on the way.
func TestReadsNamesAsTheyAre(t *testing.T) {
	t.Parallel()
	connection := blobtest.Azurite(t)
	name := "user-" + uuid.NewString()
	client, err := azblob.NewClientFromConnectionString(connection, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.CreateContainer(t.Context(), name, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := client.DeleteContainer(context.Background(), name, nil); err != nil {
			t.Error(err)
		}
	})
	const key = `50% of "trial" #2?/__0x23__ é`
	if _, err := client.UploadBuffer(t.Context(), name, key, []byte("seed"), nil); err != nil {
		t.Fatal(err)
	}
	account, err := cloud.OpenAccount(connection)
	if err != nil {
		t.Fatal(err)
	}
	var containers []string
	for found, err := range account.Containers(t.Context(), name[:10]) {
		if err != nil {
			t.Fatal(err)
		}
		containers = append(containers, found)
	}
	if len(containers) != 1 || containers[0] != name {
		t.Errorf("Containers(%s) = %v, want %s", name[:10], containers, name)
	}
	listed := 0
	for info, err := range account.Blobs(t.Context(), name) {
		if err != nil || info.Key != key || info.Size != 4 || info.Modified.IsZero() {
			t.Errorf("Blobs = %+v, %v, want %q of 4 bytes", info, err, key)
		}
		listed++
	}
	if listed != 1 {
		t.Errorf("Blobs yielded %d, want 1", listed)
	}
	body, size, err := account.OpenBlob(t.Context(), name, key)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(body)
	if err != nil || string(data) != "seed" || size != 4 {
		t.Errorf("OpenBlob = %q (%d bytes), %v, want seed", data, size, err)
	}
	if err := body.Close(); err != nil {
		t.Error(err)
	}
	if _, _, err := account.OpenBlob(t.Context(), name, "none"); !bucket.Missing(err) {
		t.Errorf("OpenBlob(absent) = %v, want bucket.ErrNotFound", err)
	}
	for _, err := range account.Blobs(t.Context(), "user-"+uuid.NewString()) {
		if !bucket.Missing(err) {
			t.Errorf("Blobs(absent container) = %v, want bucket.ErrNotFound", err)
		}
	}
}
