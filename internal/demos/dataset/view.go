package dataset

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"

	"granary/internal/platform/fault"
)

// MakeView lays out the private data folder root for a job of app: the
// documents of the set that Prepare made, with their pictures; the lists of the
// set; an empty folder for results; and the app's models. Pictures are linked,
// or copied where root is on another disk, so that nothing that happens to the
// cached copy reaches the job. A document that the library does not have
// becomes a folder without pictures. root must be empty or absent.
func (l *Library) MakeView(ctx context.Context, root string, set Set, app string) error {
	if !safePath(app) || hidden(app) {
		return fault.New(fault.Invalid, "%.100q is no name of an app", app)
	}
	if err := CheckCrops(set.Crops); err != nil {
		return err
	}
	if err := os.MkdirAll(root, 0o700); err != nil {
		return fmt.Errorf("make data folder of the job: %w", err)
	}
	view, err := os.OpenRoot(root)
	if err != nil {
		return fmt.Errorf("make data folder of the job: %w", err)
	}
	defer view.Close()
	normal := make([]Document, len(set.Documents))
	for i, d := range set.Documents {
		if normal[i], err = d.Normal(); err != nil {
			return err
		}
		if err := l.linkDocument(ctx, view, normal[i]); err != nil {
			return fmt.Errorf("lay out document %s: %w", normal[i].UID, err)
		}
	}
	base := BaseUID(set.Documents)
	if err := writeSet(view, base, normal, set.Crops); err != nil {
		return fmt.Errorf("write data set: %w", err)
	}
	if err := view.MkdirAll(path.Join(app, "results"), 0o755); err != nil {
		return err
	}
	models := path.Join(app, "models")
	if _, err := l.root.Stat(models); err != nil {
		return view.MkdirAll(models, 0o755)
	}
	return os.Symlink(path.Join(l.root.Name(), models), path.Join(root, models))
}

// writeSet writes the lists of a set.
func writeSet(view *os.Root, base string, documents []Document, crops json.RawMessage) error {
	dir := setDir(base)
	if err := view.MkdirAll(path.Join(dir, "features"), 0o755); err != nil {
		return err
	}
	text, err := json.Marshal(info{UID: base, Documents: documents})
	if err != nil {
		return err
	}
	if err := view.WriteFile(path.Join(dir, "info.json"), text, 0o644); err != nil {
		return err
	}
	uid := CropsUID(crops)
	if uid == "" {
		return nil
	}
	return view.WriteFile(path.Join(dir, cropsFile(uid)), crops, 0o644)
}

// linkDocument makes the folder of a document in a view.
func (l *Library) linkDocument(ctx context.Context, view *os.Root, d Document) error {
	dir := documentDir(d.Type, d.UID)
	for _, name := range []string{imagesDir, croppedDir, annotationsDir} {
		if err := view.MkdirAll(path.Join(dir, name), 0o755); err != nil {
			return err
		}
	}
	folder, err := l.Find(d.Type, d.UID)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	// The folder stays this one while another may take its name.
	source, err := os.OpenRoot(folder.Dir)
	if err != nil {
		return err
	}
	defer source.Close()
	images, err := readImages(source, ".", d.UID)
	if err != nil {
		return err
	}
	made := map[string]bool{imagesDir: true}
	for _, image := range images {
		if err := ctx.Err(); err != nil {
			return err
		}
		target := path.Join(dir, image.Path)
		if parent := path.Dir(image.Path); !made[parent] {
			if err := view.MkdirAll(path.Dir(target), 0o755); err != nil {
				return err
			}
			made[parent] = true
		}
		if err := link(source, image.Path, view, target); err != nil {
			return err
		}
	}
	text, err := json.Marshal(images)
	if err != nil {
		return err
	}
	if err := view.WriteFile(path.Join(dir, imagesFile), text, 0o644); err != nil {
		return err
	}
	metadata, err := readFile(source, metadataFile, 1<<20)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return view.WriteFile(path.Join(dir, metadataFile), metadata, 0o644)
}

// link gives a file another name in another folder, by a copy where the
// system cannot link or the name leads to another file by now.
func link(source *os.Root, from string, target *os.Root, to string) error {
	name := path.Join(target.Name(), to)
	if err := os.Link(path.Join(source.Name(), from), name); err == nil {
		mine, err := source.Stat(from)
		if err != nil {
			return err
		}
		if there, err := os.Lstat(name); err == nil && os.SameFile(mine, there) {
			return nil
		}
		if err := target.Remove(to); err != nil {
			return err
		}
	}
	in, err := source.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := target.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
