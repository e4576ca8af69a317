package blob

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	"granary/internal/platform/blob/bucket"
)

// Stat returns the ledger's entry of a live object; otherwise the error is
// fault.NotFound. The bucket is not asked.
func (s *Store) Stat(ctx context.Context, key string) (Object, error) {
	var r row
	err := s.db.Reader().NewSelect().Model(&r).Where("key = ?", key).Where("state = ?", Live).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return Object{}, notFound(key)
	}
	if err != nil {
		return Object{}, fmt.Errorf("look up %s: %w", key, err)
	}
	return r.object(), nil
}

// Get opens a live object. The reader verifies size and digest on the way:
// the last bytes are withheld, and a *CorruptError returned in their place,
// when the object is not what was put. The reader must be closed.
func (s *Store) Get(ctx context.Context, key string) (io.ReadCloser, Object, error) {
	object, err := s.Stat(ctx, key)
	if err != nil {
		return nil, Object{}, err
	}
	body, _, err := s.bucket.Get(ctx, key)
	if bucket.Missing(err) {
		// Doomed and swept since we looked, or truly lost.
		if _, again := s.Stat(ctx, key); again != nil {
			return nil, Object{}, again
		}
		return nil, Object{}, &CorruptError{Key: key, WantSize: object.Size, Want: object.SHA256, BytesMissing: true}
	}
	if err != nil {
		return nil, Object{}, fmt.Errorf("open %s: %w", key, err)
	}
	return Verify(body, object), object, nil
}

// ReadAll returns a live object's verified bytes. The caller must know that it
// is small enough for memory.
func (s *Store) ReadAll(ctx context.Context, key string) ([]byte, Object, error) {
	body, object, err := s.Get(ctx, key)
	if err != nil {
		return nil, Object{}, err
	}
	data := make([]byte, object.Size)
	_, err = io.ReadFull(body, data)
	if err == nil {
		// For an empty object this is the read that verifies.
		_, err = io.ReadFull(body, make([]byte, 1))
	}
	if closeErr := body.Close(); closeErr != nil || !errors.Is(err, io.EOF) {
		return nil, Object{}, errors.Join(fmt.Errorf("read %s: %w", key, err), closeErr)
	}
	return data, object, nil
}

// Verify returns a reader over body that ends with io.EOF only if it had
// exactly the size and digest that object records.
func Verify(body io.ReadCloser, object Object) io.ReadCloser {
	return &verifier{body: body, object: object, digest: sha256.New()}
}

type verifier struct {
	body   io.ReadCloser
	object Object
	digest hash.Hash
	n      int64
	err    error
}

func (v *verifier) Read(p []byte) (int, error) {
	if v.err != nil || len(p) == 0 {
		return 0, v.err
	}
	n, err := v.body.Read(p)
	v.n += int64(n)
	v.digest.Write(p[:n])
	switch {
	case v.n > v.object.Size:
		err = v.corrupt()
	case errors.Is(err, io.EOF) && v.n < v.object.Size:
		err = v.corrupt()
	case v.n == v.object.Size && (n > 0 || errors.Is(err, io.EOF)):
		if hex.EncodeToString(v.digest.Sum(nil)) != v.object.SHA256 {
			err = v.corrupt()
		}
	}
	v.err = err
	var corrupt *CorruptError
	if errors.As(err, &corrupt) {
		return 0, err
	}
	return n, err
}

func (v *verifier) corrupt() error {
	return &CorruptError{
		Key: v.object.Key, WantSize: v.object.Size, GotSize: v.n,
		Want: v.object.SHA256, Got: hex.EncodeToString(v.digest.Sum(nil)),
	}
}

func (v *verifier) Close() error { return v.body.Close() }
