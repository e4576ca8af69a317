package demos

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"granary/internal/demos/manifest"
	"granary/internal/platform/fault"
)

// Content is an opened result. Body must be closed.
type Content struct {
	// Path is below the data folder, with slashes.
	Path      string
	MediaType string
	Size      int64
	// Digest is the SHA-256 in hex; empty for files of an earlier installation.
	Digest   string
	Modified time.Time
	Body     io.ReadCloser
}

// noSuchResult is the error for a name that names no result.
func noSuchResult(id string) *fault.Error {
	return fault.New(fault.NotFound, "Result %.200s not found", id)
}

// Result opens the result that an id names by the endpoint's rule.
func (s *Service) Result(ctx context.Context, app *App, endpoint *manifest.Endpoint, id string) (Content, error) {
	rule := endpoint.Result
	if rule.File == "" {
		return Content{}, noSuchResult(id)
	}
	name := strings.ReplaceAll(id, "~", "/")
	if rule.ID == manifest.ByTask {
		task, err := s.byEitherID(ctx, app.Name, id)
		switch {
		case err == nil:
			return s.taskResult(ctx, app, rule, task, id)
		case !fault.Is(err, fault.NotFound):
			return Content{}, err
		}
	}
	content, err := s.Open(ctx, app.Folder+"/"+strings.ReplaceAll(rule.File, "{id}", name))
	if fault.Is(err, fault.NotFound) {
		return Content{}, noSuchResult(id)
	}
	return content, err
}

// taskResult looks for the file under the task's id and its experiment's.
func (s *Service) taskResult(ctx context.Context, app *App, rule manifest.Result, task *Task, id string) (Content, error) {
	for _, name := range []string{task.ID, SafeID(task.ExperimentID)} {
		content, err := s.Open(ctx, app.Folder+"/"+strings.ReplaceAll(rule.File, "{id}", name))
		if !fault.Is(err, fault.NotFound) {
			return content, err
		}
	}
	return Content{}, noSuchResult(id)
}

// byEitherID returns the task of that id, or the newest of that experiment.
func (s *Service) byEitherID(ctx context.Context, app, id string) (*Task, error) {
	task, err := s.Task(ctx, id)
	if err == nil && task.App == app {
		return task, nil
	}
	if err != nil && !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	return s.ByExperiment(ctx, app, id)
}

// Open opens a published file by its path below the data folder, or one that
// an earlier installation left there. Errors: NotFound, also for a path that
// leaves the folder.
func (s *Service) Open(ctx context.Context, name string) (Content, error) {
	if !filepath.IsLocal(name) || path.Clean(name) != name || strings.ContainsAny(name, "\\\x00") {
		return Content{}, noSuchResult(name)
	}
	file := &File{Path: name}
	err := s.db.Reader().NewSelect().Model(file).WherePK().Scan(ctx)
	if err := found(err, noSuchResult(name), "look for a result"); err != nil {
		if fault.Is(err, fault.NotFound) {
			return s.openLegacy(name)
		}
		return Content{}, err
	}
	body, _, err := s.blobs.Get(ctx, file.BlobKey)
	if err != nil {
		return Content{}, err
	}
	return Content{
		Path: name, MediaType: file.MediaType, Size: file.Size, Digest: file.SHA256, Modified: file.CreatedAt, Body: body,
	}, nil
}

// openLegacy opens a regular file below the data folder.
func (s *Service) openLegacy(name string) (Content, error) {
	root, err := os.OpenRoot(s.cfg.Folder)
	if err != nil {
		return Content{}, noSuchResult(name)
	}
	defer root.Close()
	file, err := root.Open(name)
	if err != nil {
		if errors.Is(err, fs.ErrPermission) {
			return Content{}, fault.New(fault.Internal, "open result: %w", err)
		}
		return Content{}, noSuchResult(name)
	}
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return Content{}, errors.Join(noSuchResult(name), file.Close())
	}
	return Content{Path: name, MediaType: mediaType(name), Size: info.Size(), Modified: info.ModTime(), Body: file}, nil
}
