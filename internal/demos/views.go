package demos

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"

	"granary/internal/platform/blob/filelock"
)

// lockSuffix ends the name of the file that a process keeps locked while it
// lives. Its private folders begin with the same name.
const lockSuffix = ".lock"

// uuidLength is the length of the name of a process.
const uuidLength = len("00000000-0000-0000-0000-000000000000")

// views are the private data folders of running jobs. Several processes may
// share the folder; each removes what a dead one left.
type views struct {
	root *os.Root
	name string
	lock *os.File
}

// openViews makes the folder and sweeps it.
func openViews(folder string) (*views, error) {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("make folder for jobs: %w", err)
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, fmt.Errorf("open folder for jobs: %w", err)
	}
	v := &views{root: root}
	if err := v.sweep(); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	v.name = uuid.NewString()
	if v.lock, err = filelock.New(root, v.name+lockSuffix); err != nil {
		return nil, errors.Join(fmt.Errorf("lock folder for jobs: %w", err), root.Close())
	}
	return v, nil
}

// sweep removes the folders of processes that ended without close, and those
// that a process which ended well could not remove.
func (v *views) sweep() error {
	entries, err := fs.ReadDir(v.root.FS(), ".")
	if err != nil {
		return fmt.Errorf("sweep folder for jobs: %w", err)
	}
	for _, entry := range entries {
		owner, isLock := strings.CutSuffix(entry.Name(), lockSuffix)
		if !isLock {
			continue
		}
		gone, err := filelock.Abandoned(v.root, entry.Name())
		if err != nil {
			return fmt.Errorf("sweep folder for jobs: %w", err)
		}
		if !gone {
			continue
		}
		for _, other := range entries {
			if strings.HasPrefix(other.Name(), owner+"-") {
				if err := v.root.RemoveAll(other.Name()); err != nil {
					return fmt.Errorf("sweep folder for jobs: %w", err)
				}
			}
		}
		if err := v.root.Remove(entry.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("sweep folder for jobs: %w", err)
		}
	}
	return v.sweepOrphans()
}

// sweepOrphans removes the folders of which no process has the lock. A lock is
// made before the first folder of its name, so that to look for it now is
// enough.
func (v *views) sweepOrphans() error {
	entries, err := fs.ReadDir(v.root.FS(), ".")
	if err != nil {
		return fmt.Errorf("sweep folder for jobs: %w", err)
	}
	for _, entry := range entries {
		if !entry.IsDir() || len(entry.Name()) < uuidLength {
			continue
		}
		_, err := v.root.Lstat(entry.Name()[:uuidLength] + lockSuffix)
		if !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := v.root.RemoveAll(entry.Name()); err != nil {
			return fmt.Errorf("sweep folder for jobs: %w", err)
		}
	}
	return nil
}

// make returns a fresh folder for one attempt at a job.
func (v *views) make(jobID string) (string, error) {
	name, err := os.MkdirTemp(v.root.Name(), v.name+"-"+jobID+"-")
	if err != nil {
		return "", fmt.Errorf("make private folder: %w", err)
	}
	return name, nil
}

// close lets go of the folder. Jobs have ended before.
func (v *views) close() error {
	return errors.Join(v.lock.Close(), v.root.Remove(v.name+lockSuffix), v.root.Close())
}
