package demos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"granary/internal/platform/fault"
)

// Source is a collection that pictures are compared with.
type Source struct {
	UID      string          `json:"uid"`
	Metadata json.RawMessage `json:"metadata"`
}

// maxMetadata bounds a collection's description.
const maxMetadata = 1 << 20

// Sources lists an app's collections: the folders below its sources folder
// that have a metadata.json and no file deprecated.
func (s *Service) Sources(app *App) ([]Source, error) {
	sources := []Source{}
	root, err := os.OpenRoot(s.sourcesFolder(app))
	if errors.Is(err, fs.ErrNotExist) {
		return sources, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open sources folder: %w", err)
	}
	defer root.Close()
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return nil, fmt.Errorf("read sources folder: %w", err)
	}
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		if _, err := root.Lstat(path.Join(entry.Name(), "deprecated")); err == nil {
			continue
		}
		if metadata, err := readMetadata(root, path.Join(entry.Name(), "metadata.json")); err == nil {
			sources = append(sources, Source{entry.Name(), metadata})
		}
	}
	return sources, nil
}

func readMetadata(root *os.Root, name string) (json.RawMessage, error) {
	file, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxMetadata))
	if err == nil && !json.Valid(data) {
		err = errors.New("not JSON")
	}
	return data, err
}

func (s *Service) sourcesFolder(app *App) string {
	return filepath.Join(s.cfg.Folder, app.Folder, filepath.FromSlash(app.Manifest.Sources))
}

// SourceFile opens images.zip or index.json of a collection.
func (s *Service) SourceFile(_ context.Context, app *App, uid, name string) (Content, error) {
	base := path.Join(app.Folder, app.Manifest.Sources, uid)
	if !filepath.IsLocal(uid) || path.Base(uid) != uid {
		return Content{}, fault.New(fault.NotFound, "Source UID not found")
	}
	if content, err := s.openLegacy(base + "/metadata.json"); err != nil {
		return Content{}, fault.New(fault.NotFound, "Source UID not found")
	} else if err := content.Body.Close(); err != nil {
		return Content{}, err
	}
	if name != "images.zip" && name != "index.json" {
		return Content{}, fault.New(fault.NotFound, "Source FILE UID not found")
	}
	content, err := s.openLegacy(base + "/" + name)
	if fault.Is(err, fault.NotFound) {
		return Content{}, fault.New(fault.NotFound, "Source FILE UID not found")
	}
	return content, err
}
