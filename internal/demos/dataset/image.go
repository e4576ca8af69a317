package dataset

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"granary/internal/platform/fault"
)

// Names within a document's folder.
const (
	imagesDir      = "images"
	croppedDir     = "cropped"
	annotationsDir = "annotations"
	imagesFile     = "images.json"
	metadataFile   = "metadata.json"
)

// Limits of images.json.
const (
	maxImagesFile = 256 << 20
	maxImages     = 1_000_000
)

// Image is one picture of a document, or a crop of one.
type Image struct {
	// ID is unique within the document. What an app finds refers to it.
	ID string `json:"id"`
	// Src is where the picture came from: an address, or Path.
	Src string `json:"src"`
	// Path is relative to the document's folder, with slashes: images/… or
	// cropped/….
	Path string `json:"path"`
	// Metadata is nil for most; a page of a manifest has page (from 1) and
	// label, a crop has crop, "x1,y1,x2,y2" relative to its picture.
	Metadata map[string]any `json:"metadata"`

	// DocUID is the uid of the document.
	DocUID string `json:"-"`
	// File is the absolute path on this machine.
	File string `json:"-"`
}

// listed reports whether a file of this name is a picture of its document.
func listed(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".jpg", ".jpeg", ".png":
		return true
	}
	return false
}

// hidden reports whether a component of a slash-separated path starts with a dot.
func hidden(name string) bool {
	return slices.ContainsFunc(strings.Split(name, "/"), func(part string) bool { return strings.HasPrefix(part, ".") })
}

// readImages returns the pictures of the document whose folder is dir under
// root: those of images.json that are there, or else every picture under
// images/, by path. A folder without pictures has none.
func readImages(root *os.Root, dir, uid string) ([]Image, error) {
	files, err := pictureFiles(root, dir)
	if err != nil {
		return nil, err
	}
	images, err := readImagesFile(root, path.Join(dir, imagesFile))
	if err != nil {
		return nil, err
	}
	if images == nil {
		for _, file := range files {
			images = append(images, Image{ID: strings.TrimPrefix(file, imagesDir+"/"), Src: file, Path: file})
		}
	}
	images = slices.DeleteFunc(images, func(i Image) bool {
		_, there := slices.BinarySearch(files, i.Path)
		return !there
	})
	for i := range images {
		images[i].DocUID = uid
		images[i].File = filepath.Join(root.Name(), filepath.FromSlash(dir), filepath.FromSlash(images[i].Path))
	}
	return images, nil
}

// pictureFiles lists the pictures under images/ in order of their paths, which
// are relative to dir.
func pictureFiles(root *os.Root, dir string) ([]string, error) {
	var files []string
	err := fs.WalkDir(root.FS(), path.Join(dir, imagesDir), func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() || !listed(name):
			return nil
		}
		files = append(files, strings.TrimPrefix(name, dir+"/"))
		return nil
	})
	if os.IsNotExist(err) {
		return nil, nil
	}
	slices.Sort(files)
	return files, err
}

// readImagesFile reads images.json; it returns nil when there is none.
func readImagesFile(root *os.Root, name string) ([]Image, error) {
	data, err := readFile(root, name, maxImagesFile)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return ParseImages(data)
}

// ParseImages reads the text of images.json. A picture without an address gets
// its path as one. Errors: fault.Invalid for what is no such list or names a
// file outside the document's folder.
func ParseImages(data []byte) ([]Image, error) {
	images := []Image{}
	if err := json.Unmarshal(data, &images); err != nil {
		return nil, fault.New(fault.Invalid, "%s is damaged: %w", imagesFile, err)
	}
	if len(images) > maxImages {
		return nil, fault.New(fault.TooLarge, "%s has more than %d pictures", imagesFile, maxImages)
	}
	for i := range images {
		if !safePath(images[i].Path) {
			return nil, fault.New(fault.Invalid, "%s names %.100q, which is no path within the document", imagesFile, images[i].Path)
		}
		if images[i].Src == "" {
			images[i].Src = images[i].Path
		}
	}
	return images, nil
}

// safePath reports whether a slash-separated path from outside stays within
// its folder and can be written on every system.
func safePath(name string) bool {
	return name != "" && name != "." && len(name) <= 1000 && !strings.ContainsAny(name, "\\\x00") &&
		path.Clean(name) == name && filepath.IsLocal(filepath.FromSlash(name))
}

// readFile reads a file of at most limit bytes. Errors: fault.TooLarge for a
// longer one.
func readFile(root *os.Root, name string, limit int64) ([]byte, error) {
	file, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	stat, err := file.Stat()
	if err != nil {
		return nil, err
	}
	// As much as there is now and a byte, so that a picture is held once.
	data := make([]byte, min(stat.Size(), limit)+1)
	n, err := io.ReadFull(file, data)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	if data = data[:n]; int64(n) > limit {
		return nil, fault.New(fault.TooLarge, "%s has more than %d bytes", path.Base(name), limit)
	}
	return data, nil
}

// sorted orders pictures by their paths.
func sorted(images []Image) []Image {
	slices.SortFunc(images, func(a, b Image) int { return strings.Compare(a.Path, b.Path) })
	return images
}
