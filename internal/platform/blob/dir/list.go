package dir

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"path"
	"slices"
	"strings"

	"granary/internal/platform/blob/bucket"
)

// readBatch is how many directory entries are read at once, and how often a
// walk looks at its context.
const readBatch = 1024

// List walks the folder in byte order of keys. One folder's names are held in
// memory at a time.
func (b *Bucket) List(ctx context.Context, prefix string) iter.Seq2[bucket.Info, error] {
	return func(yield func(bucket.Info, error) bool) {
		// Start in the deepest folder that the prefix names wholly.
		start := "."
		if cut := strings.LastIndexByte(prefix, '/'); cut >= 0 {
			start = prefix[:cut]
			if bucket.CheckKey(start) != nil {
				return // no object can have such a key
			}
		}
		if err := b.walk(ctx, start, prefix, yield); err != nil && !errors.Is(err, errStop) {
			yield(bucket.Info{}, err)
		}
	}
}

// errStop ends a walk whose consumer has seen enough.
var errStop = errors.New("stop")

func (b *Bucket) walk(ctx context.Context, folder, prefix string, yield func(bucket.Info, error) bool) error {
	names, err := b.names(ctx, folder)
	if err != nil {
		return err
	}
	for i, name := range names {
		if i%readBatch == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		key := path.Join(folder, name)
		if strings.HasSuffix(name, "/") {
			// Either the folder leads to the prefix or it lies inside it.
			if sub := key + "/"; !strings.HasPrefix(sub, prefix) && !strings.HasPrefix(prefix, sub) {
				continue
			}
			if err := b.walk(ctx, key, prefix, yield); err != nil {
				return err
			}
			continue
		}
		if !strings.HasPrefix(key, prefix) {
			continue
		}
		stat, err := b.files.Lstat(key)
		if errors.Is(err, fs.ErrNotExist) {
			continue // deleted since the folder was read
		}
		if err != nil {
			return err
		}
		if !yield(info(key, stat), nil) {
			return errStop
		}
	}
	return nil
}

// names returns the folder's objects and, with a slash behind, its folders, in
// the byte order of the keys that they begin.
func (b *Bucket) names(ctx context.Context, folder string) ([]string, error) {
	var names []string
	err := b.entries(ctx, folder, func(e fs.DirEntry) error {
		switch {
		case strings.HasPrefix(e.Name(), "."):
		case e.IsDir():
			names = append(names, e.Name()+"/")
		case e.Type().IsRegular():
			names = append(names, e.Name())
		}
		return nil
	})
	slices.Sort(names)
	return names, err
}

// entries calls fn for each entry in no particular order. A folder that does
// not exist has none.
func (b *Bucket) entries(ctx context.Context, folder string, fn func(fs.DirEntry) error) (err error) {
	f, err := b.files.Open(folder)
	if err != nil {
		return ignoreMissing(err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if stat, err := f.Stat(); err != nil || !stat.IsDir() {
		return err // an object where a longer key would need a folder
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		batch, err := f.ReadDir(readBatch)
		for _, e := range batch {
			if err := fn(e); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// Leftovers finds temporary files whose writer has died; see bucket.Scratch.
func (b *Bucket) Leftovers(ctx context.Context, remove bool) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if err := b.leftovers(ctx, ".", remove, yield); err != nil && !errors.Is(err, errStop) {
			yield("", err)
		}
	}
}

func (b *Bucket) leftovers(ctx context.Context, folder string, remove bool, yield func(string, error) bool) error {
	return b.entries(ctx, folder, func(e fs.DirEntry) error {
		name := path.Join(folder, e.Name())
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			return b.leftovers(ctx, name, remove, yield)
		}
		if !strings.HasPrefix(e.Name(), tempPrefix) {
			return nil
		}
		abandoned, err := b.files.Abandoned(name)
		if err != nil || !abandoned {
			return err
		}
		if _, err := b.files.Lstat(name); err != nil {
			return ignoreMissing(err) // renamed or removed since it was listed
		}
		if remove {
			if err := ignoreMissing(b.files.Remove(name)); err != nil {
				return err
			}
		}
		if !yield(name, nil) {
			return errStop
		}
		return nil
	})
}
