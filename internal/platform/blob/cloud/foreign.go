package cloud

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"

	"granary/internal/platform/blob/bucket"
	"granary/internal/platform/fault"
)

// Blobs yields every blob of a container that another system filled, by the
// names that it chose. gocloud.dev would read parts of such names as its own
// escapes. An error ends the sequence; bucket.ErrNotFound says that there is
// no such container.
func (a *Account) Blobs(ctx context.Context, container string) iter.Seq2[bucket.Info, error] {
	return func(yield func(bucket.Info, error) bool) {
		pager := a.client.NewListBlobsFlatPager(container, &azblob.ListBlobsFlatOptions{})
		for pager.More() {
			page, err := pager.NextPage(ctx)
			if err != nil {
				yield(bucket.Info{}, foreign(container, err))
				return
			}
			for _, item := range page.Segment.BlobItems {
				if item.Name == nil || item.Properties == nil || item.Properties.ContentLength == nil {
					continue
				}
				info := bucket.Info{Key: *item.Name, Size: *item.Properties.ContentLength}
				if item.Properties.LastModified != nil {
					info.Modified = item.Properties.LastModified.UTC()
				}
				if !yield(info, nil) {
					return
				}
			}
		}
	}
}

// OpenBlob opens a blob that Blobs yielded and returns its size in bytes. The
// reader must be closed. Errors: bucket.ErrNotFound.
func (a *Account) OpenBlob(ctx context.Context, container, name string) (io.ReadCloser, int64, error) {
	answer, err := a.client.DownloadStream(ctx, container, name, nil)
	if err != nil {
		return nil, 0, foreign(container+"/"+name, err)
	}
	if answer.ContentLength == nil {
		return nil, 0, errors.Join(fmt.Errorf("object %s/%s: the storage does not say its size", container, name), answer.Body.Close())
	}
	return answer.Body, *answer.ContentLength, nil
}

// foreign gives an error of the storage its kind.
func foreign(name string, err error) error {
	if bloberror.HasCode(err, bloberror.BlobNotFound, bloberror.ContainerNotFound, bloberror.ResourceNotFound) {
		return fmt.Errorf("object %s: %w: %w", name, bucket.ErrNotFound, err)
	}
	return fmt.Errorf("object %s: %w: %w", name, fault.New(fault.Unavailable, "the object storage does not answer"), err)
}
