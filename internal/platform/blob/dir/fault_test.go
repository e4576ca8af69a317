package dir

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"granary/internal/platform/fault"
)

// faulty fails the call whose number is failAt, and counts them.
type faulty struct {
	filesystem
	err    error
	failAt int
	calls  []string
}

func (f *faulty) step(what string) error {
	f.calls = append(f.calls, what)
	if len(f.calls) == f.failAt {
		return f.err
	}
	return nil
}

func (f *faulty) Create(name string) (file, error) {
	if err := f.step("create"); err != nil {
		return nil, err
	}
	inner, err := f.filesystem.Create(name)
	return &faultyFile{inner, f}, err
}

func (f *faulty) Mkdir(name string) error {
	if err := f.step("mkdir " + name); err != nil {
		return err
	}
	return f.filesystem.Mkdir(name)
}

func (f *faulty) Rename(from, to string) error {
	if err := f.step("rename " + to); err != nil {
		return err
	}
	return f.filesystem.Rename(from, to)
}

func (f *faulty) SyncDir(name string) error {
	if err := f.step("sync folder " + name); err != nil {
		return err
	}
	return f.filesystem.SyncDir(name)
}

type faultyFile struct {
	file
	fs *faulty
}

func (f *faultyFile) Write(p []byte) (int, error) {
	if err := f.fs.step("write"); err != nil {
		half := len(p) / 2 // a full disk takes what fits
		n, writeErr := f.file.Write(p[:half])
		return n, errors.Join(err, writeErr)
	}
	return f.file.Write(p)
}

func (f *faultyFile) Sync() error {
	if err := f.fs.step("sync"); err != nil {
		return err
	}
	return f.file.Sync()
}

func openFaulty(t *testing.T, failAt int, err error) (*Bucket, *faulty) {
	t.Helper()
	b, openErr := Open(t.TempDir())
	if openErr != nil {
		t.Fatal(openErr)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	f := &faulty{filesystem: b.files, failAt: failAt, err: err}
	return newBucket(f), f
}

// TestPutCosts pins what a write costs: one file sync and one folder sync once
// the folders are known.
func TestPutCosts(t *testing.T) {
	t.Parallel()
	b, f := openFaulty(t, 0, nil)
	for i, want := range []string{
		"mkdir a|sync folder .|mkdir a/b|sync folder a|create|write|sync|rename a/b/0|sync folder a/b",
		"create|write|sync|rename a/b/1|sync folder a/b",
	} {
		f.calls = nil
		if _, err := b.Put(t.Context(), fmt.Sprintf("a/b/%d", i), "", strings.NewReader("seed")); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(f.calls, "|"); got != want {
			t.Errorf("calls of Put %d = %s, want %s", i, got, want)
		}
	}
}

func TestPutFailsCleanlyAtEveryStep(t *testing.T) {
	t.Parallel()
	data := bytes.Repeat([]byte("seed"), copyBuffer/2) // several writes
	_, probe := openFaulty(t, 0, nil)
	if _, err := newBucket(probe).Put(t.Context(), "a/b", "", bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	for _, cause := range []error{syscall.EIO, syscall.ENOSPC} {
		for i, step := range probe.calls {
			t.Run(fmt.Sprintf("%v at %d %s", cause, i+1, step), func(t *testing.T) {
				t.Parallel()
				b, f := openFaulty(t, i+1, cause)
				n, err := b.Put(t.Context(), "a/b", "", bytes.NewReader(data))
				if !errors.Is(err, cause) || n != 0 {
					t.Errorf("Put = %d, %v, want 0, %v", n, err, cause)
				}
				if full := errors.Is(cause, syscall.ENOSPC); full && !fault.Is(err, fault.Unavailable) {
					t.Errorf("kind of Put's error on a full disk = %v, want unavailable", fault.Of(err))
				}
				if got := f.calls[i]; got != step {
					t.Errorf("failed call = %s, want %s", got, step)
				}
				var files []string
				if err := b.entries(t.Context(), "a", func(e fs.DirEntry) error {
					files = append(files, e.Name())
					return nil
				}); err != nil {
					t.Fatal(err)
				}
				// Only the sync after the rename comes too late to take it back.
				last := i == len(probe.calls)-1
				if last && len(files) != 1 || !last && len(files) != 0 {
					t.Errorf("files after a failed Put = %v", files)
				}
				if n, err := b.Put(t.Context(), "a/b", "", bytes.NewReader(data)); err != nil || n != int64(len(data)) {
					t.Errorf("Put again = %d, %v, want %d, nil", n, err, len(data))
				}
			})
		}
	}
}

func TestDeleteReportsAFailedSync(t *testing.T) {
	t.Parallel()
	b, f := openFaulty(t, 0, syscall.EIO)
	if _, err := b.Put(t.Context(), "a", "", strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	f.failAt = len(f.calls) + 1
	if err := b.Delete(t.Context(), "a"); !errors.Is(err, syscall.EIO) {
		t.Errorf("Delete = %v, want %v", err, syscall.EIO)
	}
}
