package dataset

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"granary/internal/platform/fault"
)

const (
	// stagingDir is beside the folders of the types. Its name starts with a
	// dot, which no uid has, and so do the names within it have dots:
	//
	//	TYPE.UID.new          a document while it is downloaded
	//	TYPE.UID.part         pictures fetched so far, for the next attempt
	//	TYPE.UID.lock         held meanwhile
	//	old.NANOSECONDS.…     a replaced copy, for those who still read it
	stagingDir = "shared/documents/.staging"
	swapLock   = stagingDir + "/swap.lock"
	// parking is how long a replaced copy is kept.
	parking = time.Hour
	// patience is how long the pictures of an interrupted download are kept.
	patience = 7 * 24 * time.Hour
	// maxProblems bounds how many problems of one document are told.
	maxProblems = 100
	// syncers is how many files are synced at once.
	syncers = 8
)

func lockName(kind, uid string) string   { return path.Join(stagingDir, kind+"."+uid+".lock") }
func stagedName(kind, uid string) string { return path.Join(stagingDir, kind+"."+uid+".new") }
func partsName(kind, uid string) string  { return path.Join(stagingDir, kind+"."+uid+".part") }

// staging is a document while it is downloaded. Who has it holds the
// document's lock.
type staging struct {
	library  *Library
	document Document
	// old is the copy that there is, nil for none.
	old      *held
	progress Progress
	// root is the folder that becomes the document's.
	root  *os.Root
	state state

	mu    sync.Mutex // guards the rest while pictures are fetched at once
	bytes int64
	lost  int
}

// stage makes an empty folder for a download.
func (l *Library) stage(d Document, old *held, progress Progress) (*staging, error) {
	dir := stagedName(d.Type, d.UID)
	if err := l.root.RemoveAll(dir); err != nil {
		return nil, err
	}
	if err := l.root.MkdirAll(path.Join(dir, imagesDir), 0o755); err != nil {
		return nil, err
	}
	root, err := l.root.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &staging{library: l, document: d, old: old, progress: progress, root: root, state: state{Src: d.Src}}, nil
}

// discard removes the folder.
func (s *staging) discard() error {
	return errors.Join(s.root.Close(), s.library.root.RemoveAll(stagedName(s.document.Type, s.document.UID)))
}

// problem notes a picture that is left out.
func (s *staging) problem(name string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost++
	if len(s.state.Problems) < maxProblems {
		s.state.Problems = append(s.state.Problems, fmt.Sprintf("%.200s: %s", name, fault.Message(err)))
	}
}

// spend counts bytes written against the limit of the document.
func (s *staging) spend(n int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bytes += n; s.bytes > s.library.limits.UnpackedBytes {
		return fault.New(fault.TooLarge, "the document has more than %d bytes", s.library.limits.UnpackedBytes)
	}
	return nil
}

// finish writes the lists of a complete document. The state comes last: its
// presence tells that everything else is there.
func (s *staging) finish(images []Image) error {
	if len(images) == 0 {
		return s.empty()
	}
	if more := s.lost - len(s.state.Problems); more > 0 {
		s.state.Problems = append(s.state.Problems, fmt.Sprintf("and %d more", more))
	}
	s.state.Bytes = s.bytes
	metadata := map[string]string{"src": s.document.Src}
	if s.state.Title != "" {
		metadata["title"] = s.state.Title
	}
	for _, file := range []struct {
		name  string
		value any
	}{{imagesFile, images}, {metadataFile, metadata}} {
		if err := s.writeJSON(file.name, file.value); err != nil {
			return err
		}
	}
	return nil
}

// empty is the error of a document without a usable picture.
func (s *staging) empty() error {
	if len(s.state.Problems) == 0 {
		return fault.New(fault.Invalid, "No images found for document %s", s.document.UID)
	}
	kind := fault.Invalid
	if s.state.Partial {
		kind = fault.Unavailable
	}
	return fault.New(kind, "No images found for document %s: %s", s.document.UID, s.state.Problems[0])
}

func (s *staging) writeJSON(name string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return s.root.WriteFile(name, text, 0o644)
}

// publish syncs the folder and gives it the document's name. Annotations that
// an existing copy has move with it.
func (s *staging) publish() error {
	if err := syncTree(s.root); err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	if err := s.writeJSON(stateFile, s.state); err != nil {
		return err
	}
	if err := errors.Join(syncFile(s.root, stateFile), syncFile(s.root, "."), s.root.Close()); err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	return errors.Join(s.library.swap(s.document), s.library.root.RemoveAll(partsName(s.document.Type, s.document.UID)))
}

// swap puts a complete staged folder in place and parks the one before it.
func (l *Library) swap(d Document) error {
	dir, staged := documentDir(d.Type, d.UID), stagedName(d.Type, d.UID)
	if err := l.root.MkdirAll(path.Dir(dir), 0o755); err != nil {
		return err
	}
	unlock, err := l.locks.acquire(context.Background(), l.root, swapLock)
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := l.root.Lstat(dir); err == nil {
		err := l.root.Rename(path.Join(dir, annotationsDir), path.Join(staged, annotationsDir))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		if err := l.park(dir); err != nil {
			return err
		}
	}
	return errors.Join(l.root.Rename(staged, dir), syncFile(l.root, path.Dir(dir)))
}

// park moves a folder away at once; it is removed when nobody reads it any more.
func (l *Library) park(dir string) error {
	return l.root.Rename(dir, path.Join(stagingDir, "old."+strconv.FormatInt(l.cfg.Now().UnixNano(), 10)+"."+path.Base(dir)))
}

// recover completes a replacement that ended between its two renames.
func (l *Library) recover(d Document) error {
	if _, err := l.root.Lstat(documentDir(d.Type, d.UID)); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if _, err := l.root.Lstat(path.Join(stagedName(d.Type, d.UID), stateFile)); err != nil {
		return nil
	}
	return l.swap(d)
}

// sweep removes parked folders whose time is over and downloads that nobody
// works on.
func (l *Library) sweep() error {
	entries, err := fs.ReadDir(l.root.FS(), stagingDir)
	if err != nil {
		return fmt.Errorf("sweep downloads: %w", err)
	}
	var problems []error
	for _, entry := range entries {
		name := path.Join(stagingDir, entry.Name())
		parts := strings.Split(entry.Name(), ".")
		switch {
		case len(parts) == 3 && parts[0] == "old":
			if nanoseconds, err := strconv.ParseInt(parts[1], 10, 64); err == nil && l.cfg.Now().Sub(time.Unix(0, nanoseconds)) > parking {
				problems = append(problems, l.root.RemoveAll(name))
			}
		case len(parts) == 3 && parts[2] == "new":
			problems = append(problems, l.abandon(Document{Type: parts[0], UID: parts[1]}, name))
		case len(parts) == 3 && parts[2] == "part":
			if stat, err := entry.Info(); err == nil && l.cfg.Now().Sub(stat.ModTime()) > patience {
				problems = append(problems, l.abandon(Document{Type: parts[0], UID: parts[1]}, name))
			}
		}
	}
	return errors.Join(problems...)
}

// abandon removes a download unless somebody works on it or it is complete.
func (l *Library) abandon(d Document, staged string) error {
	unlock, free, err := l.locks.try(l.root, lockName(d.Type, d.UID))
	if err != nil || !free {
		return err
	}
	defer unlock()
	if err := l.recover(d); err != nil {
		return err
	}
	return l.root.RemoveAll(staged)
}

// syncTree makes every file and folder under root durable.
func syncTree(root *os.Root) error {
	var group errgroup.Group
	group.SetLimit(syncers)
	err := fs.WalkDir(root.FS(), ".", func(name string, _ fs.DirEntry, err error) error {
		if err == nil {
			group.Go(func() error { return syncFile(root, name) })
		}
		return err
	})
	return errors.Join(err, group.Wait())
}

func syncFile(root *os.Root, name string) error {
	file, err := root.Open(filepath.FromSlash(name))
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}
