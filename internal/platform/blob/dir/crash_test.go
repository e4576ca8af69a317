package dir

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"testing"
)

var errCrash = errors.New("power cut")

// volatile is a disk that forgets what was not synced. Names and contents are
// kept apart, because a real disk may write either first.
type volatile struct {
	filesystem
	crashAt, calls int

	names, syncedNames map[string]*volatileFile // a folder's value is nil
}

type volatileFile struct {
	file
	disk         *volatile
	data, synced string
}

func newVolatile(crashAt int) *volatile {
	return &volatile{crashAt: crashAt, names: map[string]*volatileFile{}, syncedNames: map[string]*volatileFile{}}
}

// step stops everything from the chosen call on.
func (v *volatile) step() error {
	if v.calls++; v.crashAt > 0 && v.calls >= v.crashAt {
		return errCrash
	}
	return nil
}

func (v *volatile) Create(name string) (file, error) {
	if err := v.step(); err != nil {
		return nil, err
	}
	f := &volatileFile{disk: v}
	v.names[name] = f
	return f, nil
}

func (v *volatile) Mkdir(name string) error {
	if err := v.step(); err != nil {
		return err
	}
	if _, ok := v.names[name]; ok {
		return fs.ErrExist
	}
	v.names[name] = nil
	return nil
}

func (v *volatile) Rename(from, to string) error {
	if err := v.step(); err != nil {
		return err
	}
	v.names[to] = v.names[from]
	delete(v.names, from)
	return nil
}

func (v *volatile) Remove(name string) error {
	if err := v.step(); err != nil {
		return err
	}
	delete(v.names, name)
	return nil
}

func (v *volatile) SyncDir(folder string) error {
	if err := v.step(); err != nil {
		return err
	}
	for name := range v.syncedNames {
		if _, still := v.names[name]; !still && path.Dir(name) == folder {
			delete(v.syncedNames, name)
		}
	}
	for name, f := range v.names {
		if path.Dir(name) == folder {
			v.syncedNames[name] = f
		}
	}
	return nil
}

func (f *volatileFile) Write(p []byte) (int, error) {
	if err := f.disk.step(); err != nil {
		return 0, err
	}
	f.data += string(p)
	return len(p), nil
}

func (f *volatileFile) Sync() error {
	if err := f.disk.step(); err != nil {
		return err
	}
	f.synced = f.data
	return nil
}

func (f *volatileFile) Close() error { return nil }

// reachable tells whether a name and all the folders above it are there.
func reachable(names map[string]*volatileFile, name string) bool {
	for ; name != "."; name = path.Dir(name) {
		if _, ok := names[name]; !ok {
			return false
		}
	}
	return true
}

func TestPowerCutAtEveryStep(t *testing.T) {
	t.Parallel()
	keys := []string{"a/b/1", "a/b/2", "c", "a/d/1"}
	run := func(crashAt int) (disk *volatile, acknowledged []string) {
		disk = newVolatile(crashAt)
		b := newBucket(disk)
		for _, key := range keys {
			if _, err := b.Put(t.Context(), key, "", strings.NewReader("bytes of "+key)); err == nil {
				acknowledged = append(acknowledged, key)
			}
		}
		return disk, acknowledged
	}
	whole, all := run(0)
	if len(all) != len(keys) {
		t.Fatalf("acknowledged without a crash = %v, want %v", all, keys)
	}
	for crashAt := 1; crashAt <= whole.calls+1; crashAt++ {
		t.Run(fmt.Sprintf("before call %d", crashAt), func(t *testing.T) {
			t.Parallel()
			disk, acknowledged := run(crashAt)
			for _, key := range acknowledged {
				if !reachable(disk.syncedNames, key) {
					t.Errorf("%s was acknowledged and is gone", key)
				}
			}
			for _, names := range []map[string]*volatileFile{disk.names, disk.syncedNames} {
				for _, key := range keys {
					if f := names[key]; f != nil && f.synced != "bytes of "+key {
						t.Errorf("%s holds %q after the crash, want nothing or all of it", key, f.synced)
					}
				}
			}
		})
	}
}
