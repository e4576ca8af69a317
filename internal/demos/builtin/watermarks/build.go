package watermarks

import (
	"archive/zip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"granary/internal/demos/builtin/descriptor"
	"granary/internal/platform/fault"
)

// Metadata describes a collection to people.
type Metadata struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	// Size is the number of marks; Build counts them.
	Size int `json:"size"`
}

// Build makes a collection in the folder dir, which must not be there, from
// pictures of marks: each folder of pictures is one source, such as a
// repertory or a library, and its files .jpg, .jpeg and .png are its marks.
// The marks are described at once, so that the first task need not, and warn
// says which of them could not be read. Errors: fault.Conflict for a folder
// that is there, fault.Invalid for no pictures.
func Build(ctx context.Context, dir string, pictures fs.FS, m Metadata, warn func(string)) (err error) {
	if _, err := os.Stat(dir); err == nil {
		return fault.New(fault.Conflict, "%s is already there", dir)
	}
	index, err := list(pictures)
	if err != nil {
		return err
	}
	// A half-made collection would be offered to users: rename when complete.
	if err := os.MkdirAll(filepath.Dir(dir), 0o750); err != nil {
		return fmt.Errorf("make collection: %w", err)
	}
	made, err := os.MkdirTemp(filepath.Dir(dir), ".collection-*")
	if err != nil {
		return fmt.Errorf("make collection: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(made)) }()
	if err := pack(ctx, filepath.Join(made, imagesFile), pictures, index.Images); err != nil {
		return err
	}
	m.Size = len(index.Images)
	if err := errors.Join(writeJSON(filepath.Join(made, indexFile), index), writeJSON(filepath.Join(made, metadataFile), m)); err != nil {
		return fmt.Errorf("make collection: %w", err)
	}
	if _, err := openSource(ctx, made, made, descriptor.New(true), func(int, int) {}, warn); err != nil {
		return err
	}
	if err := os.Chmod(made, 0o750); err != nil { //nolint:gosec // the server reads it as another user of the group may
		return fmt.Errorf("make collection: %w", err)
	}
	return os.Rename(made, dir)
}

// list makes an index of the pictures of a folder of folders.
func list(pictures fs.FS) (*sourceIndex, error) {
	flip := "hflip"
	index := &sourceIndex{Sources: map[string]json.RawMessage{}, Flips: []*string{nil, &flip}}
	err := fs.WalkDir(pictures, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		source, file, nested := strings.Cut(name, "/")
		switch strings.ToLower(path.Ext(name)) {
		case ".jpg", ".jpeg", ".png":
		default:
			return nil
		}
		if !nested {
			return fault.New(fault.Invalid, "%s lies in no folder; put the pictures of each source into a folder of its own", name)
		}
		text, err := json.Marshal(map[string]any{"name": source, "url": "", "page_url": "", "metadata": map[string]any{}})
		if err != nil {
			return err
		}
		index.Sources[source] = text
		index.Images = append(index.Images, Mark{Name: file, Source: source, Page: ""})
		if len(index.Images) > maxMarks {
			return fault.New(fault.TooLarge, "there are more than %d pictures", maxMarks)
		}
		return nil
	})
	if err == nil && len(index.Images) == 0 {
		err = fault.New(fault.Invalid, "there are no pictures: want FOLDER/SOURCE/NAME.jpg or .png")
	}
	return index, err
}

// pack stores the pictures as they are: they are compressed already.
func pack(ctx context.Context, name string, pictures fs.FS, marks []Mark) (err error) {
	file, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("pack pictures: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	out := zip.NewWriter(file)
	for _, m := range marks {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := store(out, pictures, m.Source+"/"+m.Name); err != nil {
			return fmt.Errorf("pack %s: %w", m.Name, err)
		}
	}
	return errors.Join(out.Close(), file.Sync())
}

func store(out *zip.Writer, pictures fs.FS, name string) error {
	in, err := pictures.Open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	entry, err := out.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
	if err != nil {
		return err
	}
	_, err = io.Copy(entry, in)
	return err
}

func writeJSON(name string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(name, text, 0o600)
}
