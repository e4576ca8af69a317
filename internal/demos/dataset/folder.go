package dataset

import (
	"archive/zip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"granary/internal/platform/fault"
)

// Folder is the cached copy of a document.
type Folder struct {
	Document
	// Dir is its absolute path.
	Dir string
	// Problems say which pictures could not be had, or that the copy may be
	// out of date; for the log of the job that asked.
	Problems []string
}

// folder names the copy of a document.
func (l *Library) folder(d Document, problems []string) Folder {
	return Folder{Document: d, Dir: filepath.Join(l.root.Name(), filepath.FromSlash(documentDir(d.Type, d.UID))), Problems: problems}
}

// Find returns the copy of a document that Prepare or an existing installation
// made. Errors: fault.NotFound.
func (l *Library) Find(kind, uid string) (Folder, error) {
	d, err := Document{Type: kind, UID: uid}.Normal()
	if err != nil || d.UID != uid {
		return Folder{}, missing(uid)
	}
	held, err := l.copyOf(d)
	if err == nil && held == nil {
		// It may be between the two renames of a replacement.
		var unlock func()
		if unlock, err = l.locks.acquire(context.Background(), l.root, swapLock); err == nil {
			held, err = l.copyOf(d)
			unlock()
		}
	}
	switch {
	case err != nil:
		return Folder{}, fmt.Errorf("read document %s: %w", uid, err)
	case held == nil:
		return Folder{}, missing(uid)
	}
	d.Src = held.state.Src
	return l.folder(d, held.state.Problems), nil
}

// FindAny returns the copy of the document with this uid, whatever its type.
// Errors: fault.NotFound.
func (l *Library) FindAny(uid string) (Folder, error) {
	for _, kind := range types() {
		folder, err := l.Find(kind, uid)
		if !fault.Is(err, fault.NotFound) {
			return folder, err
		}
	}
	return Folder{}, missing(uid)
}

func missing(uid string) error {
	return fault.New(fault.NotFound, "Document %.200s not found", uid)
}

// Documents returns those of a data set that an existing installation kept.
// Errors: fault.NotFound.
func (l *Library) Documents(datasetUID string) ([]Document, error) {
	if !setUID.MatchString(datasetUID) {
		return nil, fault.New(fault.NotFound, "there is no data set %.150s", datasetUID)
	}
	base, _, _ := strings.Cut(datasetUID, "@")
	return readInfo(l.root, base)
}

// Images returns the pictures of the document, in order.
func (f Folder) Images() ([]Image, error) {
	root, err := os.OpenRoot(f.Dir)
	if err != nil {
		return nil, missing(f.UID)
	}
	defer root.Close()
	images, err := readImages(root, ".", f.UID)
	if err != nil {
		return nil, fmt.Errorf("read document %s: %w", f.UID, err)
	}
	return images, nil
}

// WriteZip writes the pictures, each at its path, and images.json, without
// holding more than a buffer of it in memory. Pictures are stored as they are:
// they are compressed already. Errors: fault.NotFound for a document without
// pictures, before anything is written.
func (f Folder) WriteZip(ctx context.Context, w io.Writer) error {
	root, err := os.OpenRoot(f.Dir)
	if err != nil {
		return missing(f.UID)
	}
	defer root.Close() // stays the same folder while another takes its name
	images, err := readImages(root, ".", f.UID)
	if err != nil {
		return fmt.Errorf("read document %s: %w", f.UID, err)
	}
	if len(images) == 0 {
		return fault.New(fault.NotFound, "No images found for document %s", f.UID)
	}
	archive := zip.NewWriter(w)
	for _, image := range images {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := addStored(archive, root, image.Path); err != nil {
			return fmt.Errorf("zip %s of document %s: %w", image.Path, f.UID, err)
		}
	}
	list, err := json.Marshal(images)
	if err != nil {
		return err
	}
	entry, err := archive.Create(imagesFile)
	if err != nil {
		return err
	}
	if _, err := entry.Write(list); err != nil {
		return err
	}
	return archive.Close()
}

// addStored copies a file into the archive.
func addStored(archive *zip.Writer, root *os.Root, name string) error {
	file, err := root.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	stat, err := file.Stat()
	if err != nil {
		return err
	}
	entry, err := archive.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store, Modified: stat.ModTime()})
	if err != nil {
		return err
	}
	_, err = io.Copy(entry, file)
	return err
}

// held is a copy with what was noted beside it.
type held struct {
	state state
	// noted tells that we made the copy; otherwise an existing installation did.
	noted bool
}

// state is what is noted beside a copy, in stateFile.
type state struct {
	Src          string `json:"src"`
	ETag         string `json:"etag,omitempty"`
	LastModified string `json:"last_modified,omitempty"`
	// Digest is of the text of a manifest or list.
	Digest   string   `json:"digest,omitempty"`
	Title    string   `json:"-"`
	Bytes    int64    `json:"bytes"`
	Problems []string `json:"problems,omitempty"`
	// Partial tells that pictures are missing, and that asking again may help.
	Partial bool `json:"partial,omitempty"`
}

// stateFile is hidden, so that nobody takes it for a part of the document.
const stateFile = ".granary.json"

// copyOf returns the copy of a document, or nil.
func (l *Library) copyOf(d Document) (*held, error) {
	dir := documentDir(d.Type, d.UID)
	if _, err := l.root.Stat(dir); err != nil {
		if errors.Is(err, os.ErrNotExist) {
			err = nil
		}
		return nil, err
	}
	var found held
	text, err := readFile(l.root, path.Join(dir, stateFile), 1<<20)
	switch {
	case err == nil:
		found.noted = true
		err = json.Unmarshal(text, &found.state)
	case errors.Is(err, os.ErrNotExist):
		text, err = readFile(l.root, path.Join(dir, metadataFile), 1<<20)
		if err != nil || json.Unmarshal(text, &found.state) != nil {
			found.state, err = state{}, nil // an existing installation may have no metadata
		}
	}
	return &found, err
}

// used notes that a document was asked for now.
func (l *Library) used(d Document) error {
	now := l.cfg.Now()
	err := l.root.Chtimes(path.Join(documentDir(d.Type, d.UID), stateFile), now, now)
	if errors.Is(err, os.ErrNotExist) {
		err = l.root.Chtimes(documentDir(d.Type, d.UID), now, now)
	}
	return err
}
