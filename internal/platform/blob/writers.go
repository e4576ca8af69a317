package blob

import (
	"errors"
	"io/fs"
	"os"
	"sync"

	"github.com/google/uuid"

	"granary/internal/platform/blob/filelock"
)

// writers tells which processes that began a Put are still alive, on the one
// machine that a SQLite database lives on: each holds a locked file in a folder
// beside the database. With a shared database only the lease tells, and folder
// is empty.
type writers struct {
	folder string

	mu   sync.Mutex
	root *os.Root
	mine *os.File
	id   string
}

func newWriters(database string) *writers {
	if database == "" {
		return &writers{}
	}
	return &writers{folder: database + "-writers"}
}

// own returns this process's id, registering it at the first call, so that
// commands that store nothing leave no trace.
func (w *writers) own() (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.folder == "" || w.id != "" {
		return w.id, nil
	}
	if err := os.MkdirAll(w.folder, 0o700); err != nil {
		return "", err
	}
	root, err := w.open()
	if err != nil {
		return "", err
	}
	for {
		id := uuid.NewString()
		f, err := filelock.New(root, id)
		if errors.Is(err, filelock.ErrTaken) {
			continue
		}
		if err != nil {
			return "", err
		}
		w.mine, w.id = f, id
		return id, nil
	}
}

func (w *writers) open() (*os.Root, error) {
	if w.root != nil {
		return w.root, nil
	}
	root, err := os.OpenRoot(w.folder)
	w.root = root
	return root, err
}

// dead reports whether the writer id is known to have ended.
func (w *writers) dead(id string) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.folder == "" || id == "" || id == w.id {
		return false, nil
	}
	root, err := w.open()
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil // restored or moved without its writers
	}
	if err != nil {
		return false, err
	}
	return filelock.Abandoned(root, id)
}

// tidy removes the files of dead writers.
func (w *writers) tidy() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.folder == "" {
		return nil
	}
	root, err := w.open()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	entries, err := fs.ReadDir(root.FS(), ".")
	for _, e := range entries {
		if e.Name() == w.id {
			continue
		}
		gone, abandonedErr := filelock.Abandoned(root, e.Name())
		err = errors.Join(err, abandonedErr)
		if gone && abandonedErr == nil {
			if removeErr := root.Remove(e.Name()); !errors.Is(removeErr, fs.ErrNotExist) {
				err = errors.Join(err, removeErr)
			}
		}
	}
	return err
}

// Close ends this process's registration.
func (w *writers) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var err error
	if w.mine != nil {
		err = errors.Join(w.root.Remove(w.id), w.mine.Close())
	}
	if w.root != nil {
		err = errors.Join(err, w.root.Close())
	}
	w.root, w.mine, w.id = nil, nil, ""
	return err
}
