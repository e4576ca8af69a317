package cloud_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	"github.com/google/uuid"

	"granary/internal/platform/blob/blobtest"
	"granary/internal/platform/blob/cloud"
)

// TestReadsWhatAnotherSystemLeft opens containers and keys that Granary would
// not choose itself.
func TestReadsWhatAnotherSystemLeft(t *testing.T) {
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
	const key = "General/Picture 1 (é).PNG"
	if _, err := client.UploadBuffer(t.Context(), name, key, []byte("seed"), nil); err != nil {
		t.Fatal(err)
	}
	account, err := cloud.OpenAccount(connection)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for found, err := range account.Containers(t.Context(), name[:10]) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, found)
	}
	if len(names) != 1 || names[0] != name {
		t.Errorf("Containers(%s) = %v, want %s", name[:10], names, name)
	}
	b, err := cloud.OpenContainer(t.Context(), connection, name)
	if err != nil {
		t.Fatal(err)
	}
	if keys := blobtest.Keys(t, b, "General/"); len(keys) != 1 || keys[0] != key {
		t.Errorf("List = %q, want %q", keys, key)
	}
	r, size, err := b.Read(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(data, []byte("seed")) || size != 4 {
		t.Errorf("Read = %q (%d bytes), %v, want seed", data, size, err)
	}
	if _, _, err := b.Read(t.Context(), "General/none"); err == nil || strings.Contains(err.Error(), "AccountKey") {
		t.Errorf("Read(absent) = %v, want an error without secrets", err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if _, err := client.DeleteContainer(t.Context(), name, nil); err != nil {
		t.Error(err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}
