package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sync/errgroup"

	"granary/internal/platform/blob"
	"granary/internal/platform/blob/bucket"
	"granary/internal/platform/blob/dir"
)

// verify reads a whole backup and compares every digest. The error is a
// *DamagedError where the backup is not what was written.
func verify(ctx context.Context, root *os.Root, blobs string) (Manifest, error) {
	m, err := readManifest(root)
	if err != nil {
		return m, err
	}
	for _, t := range m.Tables {
		if err := verifyTable(ctx, root, t); err != nil {
			return m, err
		}
	}
	from, err := dir.Open(blobs)
	if err != nil {
		return m, err
	}
	var seen int
	var bytes int64
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(copiers)
	err = objects(groupCtx, root, m, func(o blob.Object) error {
		seen++
		bytes += o.Size
		group.Go(func() error { return verifyObject(groupCtx, from, o) })
		return nil
	})
	if err := errors.Join(group.Wait(), err, from.Close()); err != nil {
		return m, err
	}
	if seen != m.Objects || bytes != m.ObjectBytes {
		return m, &DamagedError{manifestFile, "counts other objects than there are"}
	}
	return m, nil
}

func verifyTable(ctx context.Context, root *os.Root, t Table) error {
	f, err := root.Open(t.file())
	if errors.Is(err, os.ErrNotExist) {
		return &DamagedError{t.file(), "is missing"}
	}
	if err != nil {
		return fmt.Errorf("read backup: %w", err)
	}
	digest := sha256.New()
	n, err := io.Copy(digest, f)
	if err == nil && (n != t.Bytes || hex.EncodeToString(digest.Sum(nil)) != t.SHA256) {
		err = &DamagedError{t.file(), "does not have the recorded digest"}
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err == nil {
		err = eachRow(ctx, f, t, func([]any) error { return nil })
	}
	return errors.Join(err, f.Close())
}

func verifyObject(ctx context.Context, from blob.Bucket, o blob.Object) error {
	body, _, err := from.Get(ctx, o.Key)
	if err == nil {
		_, err = io.Copy(io.Discard, blob.Verify(body, o))
		err = errors.Join(err, body.Close())
	}
	var corrupt *blob.CorruptError
	switch {
	case bucket.Missing(err):
		return &DamagedError{blobFolder + "/" + o.Key, "is missing"}
	case errors.As(err, &corrupt):
		return &DamagedError{blobFolder + "/" + o.Key, "does not have the recorded digest"}
	default:
		return err
	}
}
