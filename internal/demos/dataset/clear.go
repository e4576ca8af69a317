package dataset

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"granary/internal/platform/fault"
)

// sizeFresh is how long a size is told without looking again.
const sizeFresh = time.Minute

// InUse reports whether a task needs a document: one that has not ended, or
// that ended after before.
type InUse func(ctx context.Context, kind, uid string, before time.Time) (bool, error)

// Clear removes the copies that nobody asked for since before and that are not
// in use, and returns how many. One that is being prepared stays.
func (l *Library) Clear(ctx context.Context, before time.Time, inUse InUse) (int, error) {
	err := l.sweep()
	removed := 0
	for d := range l.all(&err) {
		if ctx.Err() != nil {
			return removed, ctx.Err()
		}
		gone, clearErr := l.clear(ctx, d, before, inUse)
		if gone {
			removed++
		}
		err = errors.Join(err, clearErr)
	}
	return removed, err
}

func (l *Library) clear(ctx context.Context, d Document, before time.Time, inUse InUse) (bool, error) {
	if last, err := l.lastUse(d); err != nil || !last.Before(before) {
		return false, err
	}
	unlock, free, err := l.locks.try(l.root, lockName(d.Type, d.UID))
	if err != nil || !free {
		return false, err
	}
	defer unlock()
	// Asked only now: a task that was accepted meanwhile counts.
	if used, err := inUse(ctx, d.Type, d.UID, before); err != nil || used {
		return false, err
	}
	if last, err := l.lastUse(d); err != nil || !last.Before(before) {
		return false, err
	}
	return true, l.remove(d)
}

// lastUse returns when a document was last asked for. Of a copy that an
// existing installation made it is when that was.
func (l *Library) lastUse(d Document) (time.Time, error) {
	dir := documentDir(d.Type, d.UID)
	for _, name := range []string{stateFile, imagesFile, ""} {
		stat, err := l.root.Stat(path.Join(dir, name))
		if err == nil {
			return stat.ModTime(), nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			return time.Time{}, err
		}
	}
	return l.cfg.Now(), nil // it is gone
}

// Remove removes the copy of a document and returns how many pictures it had;
// 0 when there is none. It waits while the document is being prepared.
func (l *Library) Remove(ctx context.Context, kind, uid string) (int, error) {
	folder, err := l.Find(kind, uid)
	if fault.Is(err, fault.NotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	unlock, err := l.locks.acquire(ctx, l.root, lockName(kind, uid))
	if err != nil {
		return 0, err
	}
	defer unlock()
	images, err := folder.Images()
	if fault.Is(err, fault.NotFound) {
		return 0, nil
	}
	return len(images), errors.Join(err, l.remove(folder.Document))
}

// remove deletes a document whose lock the caller holds, and its lock file. It
// is away at once, so that nobody finds half of it.
func (l *Library) remove(d Document) error {
	away := stagedName(d.Type, d.UID)
	if err := errors.Join(l.root.RemoveAll(away), l.root.RemoveAll(partsName(d.Type, d.UID))); err != nil {
		return err
	}
	// Without its state the folder cannot be taken for a complete download.
	dir := documentDir(d.Type, d.UID)
	if err := l.root.Remove(path.Join(dir, stateFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := l.root.Rename(dir, away); err != nil {
		return fmt.Errorf("remove document %s: %w", d.UID, err)
	}
	l.size.forget()
	return errors.Join(l.root.RemoveAll(away), l.root.Remove(lockName(d.Type, d.UID)))
}

// RemoveAnnotations removes the annotation files of a document that an
// existing installation kept, those whose name starts with model; it returns
// how many.
func (l *Library) RemoveAnnotations(ctx context.Context, kind, uid, model string) (int, error) {
	if _, err := l.Find(kind, uid); err != nil {
		if fault.Is(err, fault.NotFound) {
			err = nil
		}
		return 0, err
	}
	unlock, err := l.locks.acquire(ctx, l.root, lockName(kind, uid))
	if err != nil {
		return 0, err
	}
	defer unlock()
	dir := path.Join(documentDir(kind, uid), annotationsDir)
	entries, err := fs.ReadDir(l.root.FS(), dir)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	removed := 0
	for _, entry := range entries {
		if !entry.IsDir() && strings.HasPrefix(entry.Name(), model) && strings.HasSuffix(entry.Name(), ".json") {
			if err := l.root.Remove(path.Join(dir, entry.Name())); err != nil {
				return removed, err
			}
			removed++
		}
	}
	return removed, err
}

// Size returns how many bytes the copies of all documents take. It looks at
// most once a minute and counts what was noted when a copy was made.
func (l *Library) Size(ctx context.Context) (int64, error) {
	l.size.mu.Lock()
	defer l.size.mu.Unlock()
	if l.cfg.Now().Before(l.size.until) {
		return l.size.bytes, nil
	}
	var total int64
	var err error
	for d := range l.all(&err) {
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		total += l.sizeOf(d)
	}
	if err == nil {
		l.size.bytes, l.size.until = total, l.cfg.Now().Add(sizeFresh)
	}
	return total, err
}

// sizeOf returns the size of one copy; a file that vanishes meanwhile counts
// nothing.
func (l *Library) sizeOf(d Document) int64 {
	if held, err := l.copyOf(d); err == nil && held != nil && held.noted {
		return held.state.Bytes
	}
	var total int64
	_ = fs.WalkDir(l.root.FS(), documentDir(d.Type, d.UID), func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return nil //nolint:nilerr // it is gone
		}
		if stat, err := entry.Info(); err == nil {
			total += stat.Size()
		}
		return nil
	})
	return total
}

// all yields every document that has a folder; a failure to list goes to err.
func (l *Library) all(err *error) func(yield func(Document) bool) {
	return func(yield func(Document) bool) {
		for _, kind := range types() {
			entries, listErr := fs.ReadDir(l.root.FS(), documentDir(kind, ""))
			if listErr != nil && !errors.Is(listErr, os.ErrNotExist) {
				*err = errors.Join(*err, listErr)
			}
			for _, entry := range entries {
				if entry.IsDir() && checkUID(entry.Name()) == nil && !yield(Document{Type: kind, UID: entry.Name()}) {
					return
				}
			}
		}
	}
}
