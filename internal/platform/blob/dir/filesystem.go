package dir

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"granary/internal/platform/blob/filelock"
)

// file is an open file, as far as this package writes and reads one.
type file interface {
	io.ReadWriteCloser
	Sync() error
	Stat() (fs.FileInfo, error)
	ReadDir(n int) ([]fs.DirEntry, error)
}

// filesystem is every call that can fail on a real disk, so that tests can
// make each of them fail.
type filesystem interface {
	// Create makes a new file and locks it while it is open.
	Create(name string) (file, error)
	Open(name string) (file, error)
	Mkdir(name string) error
	Rename(from, to string) error
	Remove(name string) error
	Lstat(name string) (fs.FileInfo, error)
	SyncDir(name string) error
	// Abandoned reports whether no living process holds the file open.
	Abandoned(name string) (bool, error)
	Close() error
}

type disk struct{ root *os.Root }

func (d disk) Create(name string) (file, error) {
	f, err := filelock.New(d.root, name)
	if err != nil {
		return nil, err // not f: a nil *os.File is not a nil file
	}
	return f, nil
}

func (d disk) Open(name string) (file, error) {
	f, err := d.root.Open(name)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (d disk) Mkdir(name string) error                { return d.root.Mkdir(name, 0o700) }
func (d disk) Rename(from, to string) error           { return d.root.Rename(from, to) }
func (d disk) Remove(name string) error               { return d.root.Remove(name) }
func (d disk) Lstat(name string) (fs.FileInfo, error) { return d.root.Lstat(name) }
func (d disk) Close() error                           { return d.root.Close() }

func (d disk) SyncDir(name string) error {
	f, err := d.root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func (d disk) Abandoned(name string) (bool, error) { return filelock.Abandoned(d.root, name) }
