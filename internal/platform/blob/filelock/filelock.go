// Package filelock tells whether the process that created a file is still
// alive: the creator holds an advisory lock on it, which the kernel lets go of
// when the process ends, however it ends.
//
//	New ─► (locked file) … Close        the creator
//	Abandoned(root, name)               anyone else, any time
package filelock

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Root is the part of os.Root that is needed here.
type Root interface {
	OpenFile(name string, flag int, perm fs.FileMode) (*os.File, error)
	Lstat(name string) (fs.FileInfo, error)
	Remove(name string) error
}

var _ Root = (*os.Root)(nil)

// ErrTaken is returned by New when the name exists already or was removed
// again before it could be locked; another name will do.
var ErrTaken = errors.New("lock file name is taken")

// New creates name, which must not exist, and locks it until the file is
// closed or the process ends.
func New(root Root, name string) (*os.File, error) {
	f, err := root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, ErrTaken
	}
	if err != nil {
		return nil, err
	}
	if err := lock(f); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", name, err), f.Close(), root.Remove(name))
	}
	// Between create and lock somebody may have found the file unlocked,
	// thought its creator dead and removed it.
	mine, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if there, err := root.Lstat(name); err != nil || !os.SameFile(mine, there) {
		return nil, errors.Join(ErrTaken, f.Close())
	}
	return f, nil
}

// Abandoned reports whether no living process holds name's lock. A file that
// does not exist is abandoned. Where the system has no such locks it is not.
func Abandoned(root Root, name string) (bool, error) {
	f, err := root.OpenFile(name, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	free, err := tryLock(f)
	return free, errors.Join(err, f.Close())
}
