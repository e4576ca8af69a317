// Package dir keeps objects as files below one folder, durably: a write goes
// to a temporary name in the same folder, is synced, renamed, and the folder
// is synced before Put returns.
//
//	Put ─► .tmp-… ─► fsync ─► rename ─► fsync folder
//
// Every path goes through os.Root, so nothing outside the folder can be
// reached, by a symbolic link neither. Names that begin with a dot are not
// objects.
package dir

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"sync"
	"syscall"

	"granary/internal/platform/blob/bucket"
	"granary/internal/platform/blob/filelock"
	"granary/internal/platform/fault"
)

const (
	tempPrefix = ".tmp-"
	// copyBuffer is the memory one Put or listing takes.
	copyBuffer = 128 << 10
	// maxKnown bounds the memory of folders known to be durable; when it is
	// full, the oldest knowledge is simply won again.
	maxKnown = 4096
)

// Bucket is a folder of objects. Safe for concurrent use by any number of
// processes.
type Bucket struct {
	files   filesystem
	buffers sync.Pool

	mu sync.Mutex
	// durable holds the folders whose entry in their parent was synced by this
	// process. A folder that merely exists may have been made by another
	// process which has not synced it yet.
	durable map[string]struct{}
}

var (
	_ bucket.Bucket  = (*Bucket)(nil)
	_ bucket.Scratch = (*Bucket)(nil)
)

// Open returns the bucket in folder, which is created when absent.
func Open(folder string) (*Bucket, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("create blob folder: %w", err)
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, fmt.Errorf("open blob folder: %w", err)
	}
	return newBucket(disk{root}), nil
}

func newBucket(files filesystem) *Bucket {
	return &Bucket{
		files:   files,
		buffers: sync.Pool{New: func() any { b := make([]byte, copyBuffer); return &b }},
		durable: map[string]struct{}{},
	}
}

// Close lets go of the folder.
func (b *Bucket) Close() error { return b.files.Close() }

// Put stores what r yields; see bucket.Bucket. mediaType is not kept: the
// ledger has it.
func (b *Bucket) Put(ctx context.Context, key, _ string, r io.Reader) (int64, error) {
	if err := bucket.CheckKey(key); err != nil {
		return 0, err
	}
	folder := path.Dir(key)
	if err := b.makeDurable(folder); err != nil {
		return 0, fmt.Errorf("make folder of %s: %w", key, full(err))
	}
	temp, f, err := b.temp(folder)
	if err != nil {
		return 0, fmt.Errorf("create temporary file for %s: %w", key, full(err))
	}
	// The file stays open, and with it locked, until it has its final name:
	// a sweeper must not take it for a leftover.
	n, err := b.fill(ctx, f, r)
	if err == nil {
		err = b.files.Rename(temp, key)
	}
	if err != nil {
		return 0, errors.Join(fmt.Errorf("write %s: %w", key, full(err)), f.Close(), ignoreMissing(b.files.Remove(temp)))
	}
	// The bytes are synced; a failing close has nothing left to lose.
	if err := errors.Join(full(b.files.SyncDir(folder)), f.Close()); err != nil {
		return 0, fmt.Errorf("write %s: %w", key, err)
	}
	return n, nil
}

func (b *Bucket) temp(folder string) (string, file, error) {
	for {
		name := path.Join(folder, tempPrefix+rand.Text())
		f, err := b.files.Create(name)
		if errors.Is(err, filelock.ErrTaken) {
			continue
		}
		return name, f, err
	}
}

func (b *Bucket) fill(ctx context.Context, f file, r io.Reader) (int64, error) {
	buffer := b.buffers.Get().(*[]byte)
	defer b.buffers.Put(buffer)
	// The wrapper hides WriterTo and ReaderFrom, which would bring buffers of
	// their own and skip the look at ctx.
	n, err := io.CopyBuffer(struct{ io.Writer }{f}, reader{ctx, r}, *buffer)
	if err != nil {
		return n, err
	}
	return n, f.Sync()
}

// makeDurable creates folder and its parents and syncs each entry once per
// process, so that a file synced inside cannot vanish with its folder.
func (b *Bucket) makeDurable(folder string) error {
	if folder == "." {
		return nil
	}
	b.mu.Lock()
	_, known := b.durable[folder]
	b.mu.Unlock()
	if known {
		return nil
	}
	parent := path.Dir(folder)
	if err := b.makeDurable(parent); err != nil {
		return err
	}
	if err := b.files.Mkdir(folder); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := b.files.SyncDir(parent); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.durable) >= maxKnown {
		clear(b.durable)
	}
	b.durable[folder] = struct{}{}
	return nil
}

// Get opens an object; it stays readable when it is deleted meanwhile.
func (b *Bucket) Get(ctx context.Context, key string) (io.ReadCloser, bucket.Info, error) {
	if err := errors.Join(bucket.CheckKey(key), ctx.Err()); err != nil {
		return nil, bucket.Info{}, err
	}
	f, err := b.files.Open(key)
	if err != nil {
		return nil, bucket.Info{}, named(key, err)
	}
	stat, err := f.Stat()
	if err == nil && !stat.Mode().IsRegular() {
		err = bucket.ErrNotFound
	}
	if err != nil {
		return nil, bucket.Info{}, errors.Join(named(key, err), f.Close())
	}
	return struct {
		io.Reader
		io.Closer
	}{reader{ctx, f}, f}, info(key, stat), nil
}

// Stat describes an object.
func (b *Bucket) Stat(ctx context.Context, key string) (bucket.Info, error) {
	if err := errors.Join(bucket.CheckKey(key), ctx.Err()); err != nil {
		return bucket.Info{}, err
	}
	stat, err := b.files.Lstat(key)
	if err == nil && !stat.Mode().IsRegular() {
		err = bucket.ErrNotFound
	}
	if err != nil {
		return bucket.Info{}, named(key, err)
	}
	return info(key, stat), nil
}

// Delete removes objects and syncs each folder once.
func (b *Bucket) Delete(ctx context.Context, keys ...string) error {
	changed := map[string]struct{}{}
	for _, key := range keys {
		if err := errors.Join(bucket.CheckKey(key), ctx.Err()); err != nil {
			return err
		}
		stat, err := b.files.Lstat(key)
		if err == nil && stat.IsDir() {
			continue // a key that only others lie under
		}
		if err == nil {
			err = b.files.Remove(key)
		}
		if ignoreMissing(err) != nil {
			return named(key, err)
		}
		changed[path.Dir(key)] = struct{}{}
	}
	for folder := range changed {
		if err := ignoreMissing(b.files.SyncDir(folder)); err != nil {
			return fmt.Errorf("sync folder %s: %w", folder, err)
		}
	}
	return nil
}

func info(key string, stat fs.FileInfo) bucket.Info {
	return bucket.Info{Key: key, Size: stat.Size(), Modified: stat.ModTime().UTC()}
}

func named(key string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		err = bucket.ErrNotFound
	}
	return fmt.Errorf("object %s: %w", key, err)
}

// full gives a disk without room its kind: the caller may try again later.
func full(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return errors.Join(fault.New(fault.Unavailable, "the server has no room for more files"), err)
	}
	return err
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// reader stops when its context ends, so that a cancelled request does not
// go on filling the disk.
type reader struct {
	ctx context.Context
	io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}
