package worker

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"

	"granary/internal/platform/blob/filelock"
)

// lockSuffix ends the name of the file that a pool keeps locked while it
// lives. Its folders have the same name without the suffix, and a number.
const lockSuffix = ".lock"

// claim takes a name for this pool under the folder of temporary files.
func claim(root *os.Root) (name string, lock *os.File, err error) {
	for {
		name = uuid.NewString()
		lock, err = filelock.New(root, name+lockSuffix)
		if !errors.Is(err, filelock.ErrTaken) {
			return name, lock, err
		}
	}
}

// sweep removes what pools left behind that ended without Close: their
// processes, which may still run, and then their folders.
func sweep(root *os.Root, log *slog.Logger) error {
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return err
	}
	for _, e := range entries {
		pool, isLock := strings.CutSuffix(e.Name(), lockSuffix)
		if !isLock {
			continue
		}
		gone, err := filelock.Abandoned(root, e.Name())
		if err != nil {
			return fmt.Errorf("look at lock %s: %w", e.Name(), err)
		}
		if !gone {
			continue
		}
		for _, other := range entries {
			if mark := other.Name(); other.IsDir() && strings.HasPrefix(mark, pool+"-") {
				killFamily(0, mark)
				if err := removeAll(root, mark); err != nil {
					return err
				}
				log.Warn("removed what a worker left behind", "worker", mark)
			}
		}
		if err := root.Remove(e.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// folder makes a private folder. Its name marks the processes that use it.
func (p *Pool) folder() (path, mark string, err error) {
	mark = fmt.Sprintf("%s-%d", p.name, p.folders.Add(1))
	if err := p.root.Mkdir(mark, 0o700); err != nil {
		return "", "", fmt.Errorf("make worker folder: %w", err)
	}
	return filepath.Join(p.temp, mark), mark, nil
}

// remove takes a private folder away when its processes have ended.
func (p *Pool) remove(path string) {
	if err := removeAll(p.root, filepath.Base(path)); err != nil {
		p.log.Warn("worker folder not removed", slog.Any("error", err))
	}
}

// removeAll also removes folders that were made unwritable, as tools that
// unpack archives do.
func removeAll(root *os.Root, name string) error {
	err := root.RemoveAll(name)
	if err == nil || !errors.Is(err, fs.ErrPermission) {
		return err
	}
	_ = fs.WalkDir(root.FS(), name, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() {
			_ = root.Chmod(path, 0o700)
		}
		return nil
	})
	return root.RemoveAll(name)
}
