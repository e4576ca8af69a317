// Package bucket is the seam between the blob store and whatever keeps the
// bytes. Each adapter is a folder beside it (dir, cloud) and passes the suite
// in blobtest. A bucket knows keys and bytes; what is live, pending or doomed
// is the ledger's business (package blob).
package bucket

import (
	"context"
	"errors"
	"io"
	"iter"
	"strings"
	"time"

	"granary/internal/platform/fault"
)

// MaxKeyBytes bounds a whole key; MaxSegmentBytes bounds what stands between
// two slashes, so that a key is also a file name everywhere.
const (
	MaxKeyBytes     = 512
	MaxSegmentBytes = 200
)

// ErrNotFound is what Get and Stat return, wrapped, for a key without an
// object. It is of kind fault.NotFound.
var ErrNotFound error = fault.New(fault.NotFound, "object not found")

// Info describes one stored object.
type Info struct {
	Key string
	// Size in bytes.
	Size int64
	// Modified is when the object was written, by the storage's clock.
	Modified time.Time
}

// Bucket keeps objects by key. All methods are safe for concurrent use, by
// several processes too, and refuse a key that CheckKey refuses.
type Bucket interface {
	// Put stores everything r yields under key, replacing what was there, and
	// returns the number of bytes. The object is durable and whole when Put
	// returns nil. After an error the key holds what it held before or, where
	// only the last confirmation failed, the new object whole. Memory use does
	// not depend on the object's size. mediaType may be empty.
	Put(ctx context.Context, key, mediaType string, r io.Reader) (int64, error)
	// Get opens an object. The reader must be closed; it stays readable when
	// the object is deleted meanwhile only where the storage allows it.
	Get(ctx context.Context, key string) (io.ReadCloser, Info, error)
	// Stat describes an object without reading it.
	Stat(ctx context.Context, key string) (Info, error)
	// Delete removes objects, durably when it returns nil; one that does not
	// exist is no error. After an error any part of them may be gone.
	Delete(ctx context.Context, keys ...string) error
	// List yields every object whose key begins with prefix, in byte order of
	// keys, fetching a page at a time. An error ends the sequence. Objects that
	// come or go during the walk may or may not be seen.
	List(ctx context.Context, prefix string) iter.Seq2[Info, error]
	// Close releases connections. The bucket is not used afterwards.
	Close() error
}

// Scratch is implemented by buckets in which a write that was cut off leaves
// something behind. Cloud storages have none: their uploads expire.
type Scratch interface {
	// Leftovers yields the names of what writers that no longer exist left.
	// With remove each is deleted before it is yielded.
	Leftovers(ctx context.Context, remove bool) iter.Seq2[string, error]
}

// CheckKey reports whether key may name an object: segments of [a-z0-9_.-]
// that do not begin with a dot, joined by single slashes. Keys are chosen by
// the server, so a refusal is a defect of ours or an attack and never echoed.
func CheckKey(key string) error {
	if key == "" || len(key) > MaxKeyBytes {
		return fault.New(fault.Invalid, "object key must have 1 to %d bytes", MaxKeyBytes)
	}
	for segment := range strings.SplitSeq(key, "/") {
		if segment == "" || segment[0] == '.' || len(segment) > MaxSegmentBytes {
			return errKey
		}
		for i := range len(segment) {
			if c := segment[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' && c != '-' && c != '.' {
				return errKey
			}
		}
	}
	return nil
}

var errKey error = fault.New(fault.Invalid, "object key has a segment that is not allowed")

// Missing reports whether err says that the object does not exist.
func Missing(err error) bool { return errors.Is(err, ErrNotFound) }
