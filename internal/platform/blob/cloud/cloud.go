// Package cloud keeps objects in Azure Blob Storage or S3 through
// gocloud.dev. A write there is atomic and durable by the storage's own
// promise: the object appears when its block list or upload is completed.
package cloud

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strings"

	"gocloud.dev/blob"
	_ "gocloud.dev/blob/s3blob" // the s3:// scheme
	"gocloud.dev/gcerrors"
	"golang.org/x/sync/errgroup"

	"granary/internal/platform/blob/bucket"
	"granary/internal/platform/fault"
)

const (
	// partBytes is one block of an upload: what S3 takes at least, and enough
	// for 50,000 × 5 MiB = 244 GiB on Azure.
	partBytes = 5 << 20
	// parts bounds the blocks of one upload that are in memory at once.
	parts = 2
	// deletes bounds how many objects are being deleted at once.
	deletes = 8
)

// Bucket is a container or an S3 bucket. Safe for concurrent use.
type Bucket struct{ remote *blob.Bucket }

var _ bucket.Bucket = (*Bucket)(nil)

// Open returns the bucket at azblob://CONTAINER or s3://BUCKET?…, as
// gocloud.dev documents them (credentials come from the environment), or, for
// an Azure connection string, the named container, which is created when
// absent and defaults to granary.
func Open(ctx context.Context, address, container string) (*Bucket, error) {
	if IsConnectionString(address) {
		if container == "" {
			container = "granary"
		}
		account, err := OpenAccount(address)
		if err != nil {
			return nil, err
		}
		if err := account.create(ctx, container); err != nil {
			return nil, err
		}
		return account.Container(ctx, container)
	}
	scheme, _, _ := strings.Cut(address, ":")
	if scheme != "azblob" && scheme != "s3" {
		// The address may hold a key: say no more of it than the scheme.
		return nil, fmt.Errorf("blob url must begin with file:, azblob:// or s3://, or be an azure connection string")
	}
	remote, err := blob.OpenBucket(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("open %s bucket: %w", scheme, err)
	}
	return &Bucket{remote}, nil
}

// Close releases the connection.
func (b *Bucket) Close() error { return b.remote.Close() }

// Put uploads what r yields; see bucket.Bucket.
func (b *Bucket) Put(ctx context.Context, key, mediaType string, r io.Reader) (int64, error) {
	if err := bucket.CheckKey(key); err != nil {
		return 0, err
	}
	if mediaType == "" {
		mediaType = "application/octet-stream" // or gocloud.dev would guess from the bytes
	}
	// Upload, not a Writer: closing a writer completes the object, and closing
	// gocloud.dev's Azure writer after a failure can panic.
	source := &source{ctx: ctx, r: r}
	err := b.remote.Upload(ctx, key, source, &blob.WriterOptions{
		ContentType: mediaType, BufferSize: partBytes, MaxConcurrency: parts,
	})
	switch {
	case source.err != nil:
		// Also when the storage saw a completed upload: a reader that failed
		// must never become an object.
		return 0, fmt.Errorf("write %s: %w", key, source.err)
	case err != nil:
		return 0, fmt.Errorf("write: %w", named(key, err))
	}
	return source.n, nil
}

// source counts, and remembers the error of the reader, to tell it from the
// storage's.
type source struct {
	ctx context.Context
	r   io.Reader
	n   int64
	err error
}

func (s *source) Read(p []byte) (int, error) {
	if s.err = s.ctx.Err(); s.err != nil {
		return 0, s.err
	}
	n, err := s.r.Read(p)
	s.n += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// Get opens an object.
func (b *Bucket) Get(ctx context.Context, key string) (io.ReadCloser, bucket.Info, error) {
	if err := bucket.CheckKey(key); err != nil {
		return nil, bucket.Info{}, err
	}
	r, err := b.remote.NewReader(ctx, key, nil)
	if err != nil {
		return nil, bucket.Info{}, named(key, err)
	}
	return r, bucket.Info{Key: key, Size: r.Size(), Modified: r.ModTime().UTC()}, nil
}

// Stat describes an object.
func (b *Bucket) Stat(ctx context.Context, key string) (bucket.Info, error) {
	if err := bucket.CheckKey(key); err != nil {
		return bucket.Info{}, err
	}
	attributes, err := b.remote.Attributes(ctx, key)
	if err != nil {
		return bucket.Info{}, named(key, err)
	}
	return bucket.Info{Key: key, Size: attributes.Size, Modified: attributes.ModTime.UTC()}, nil
}

// Delete removes objects, several at once.
func (b *Bucket) Delete(ctx context.Context, keys ...string) error {
	for _, key := range keys {
		if err := bucket.CheckKey(key); err != nil {
			return err
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(deletes)
	for _, key := range keys {
		group.Go(func() error {
			if err := b.remote.Delete(ctx, key); err != nil && gcerrors.Code(err) != gcerrors.NotFound {
				return named(key, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// List walks the container in key order, a page at a time.
func (b *Bucket) List(ctx context.Context, prefix string) iter.Seq2[bucket.Info, error] {
	return func(yield func(bucket.Info, error) bool) {
		objects := b.remote.List(&blob.ListOptions{Prefix: prefix})
		for {
			object, err := objects.Next(ctx)
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(bucket.Info{}, named(prefix+"*", err))
				return
			}
			if !yield(bucket.Info{Key: object.Key, Size: object.Size, Modified: object.ModTime.UTC()}, nil) {
				return
			}
		}
	}
}

// named gives an error of the storage its kind. What the storage said goes to
// the log only: it may hold addresses and account names.
func named(key string, err error) error {
	switch gcerrors.Code(err) {
	case gcerrors.NotFound:
		return fmt.Errorf("object %s: %w", key, errors.Join(bucket.ErrNotFound, err))
	case gcerrors.Canceled:
		return fmt.Errorf("object %s: %w", key, errors.Join(context.Canceled, err))
	default:
		unavailable := fault.New(fault.Unavailable, "the object storage does not answer")
		return fmt.Errorf("object %s: %w", key, errors.Join(unavailable, err))
	}
}

// transport bounds connections; the storage clients set their own deadlines.
func transport() *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = 32
	return &http.Client{Transport: t}
}
