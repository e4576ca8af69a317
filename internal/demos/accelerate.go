package demos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// Accelerate puts an opened result where a web server in front finds it, below
// the data folder, and returns its path for the server's internal location:
// the locations alias the results folders, so "results" and the like are not
// part of it.
func (s *Service) Accelerate(ctx context.Context, content Content) (string, error) {
	if content.Digest != "" {
		if err := s.materialise(ctx, content); err != nil {
			return "", err
		}
	}
	if rest, ok := strings.CutPrefix(content.Path, "shared/"); ok {
		return "shared/" + rest, nil
	}
	app, rest, _ := strings.Cut(content.Path, "/")
	for _, aliased := range []string{"results/", "sources/"} {
		if below, ok := strings.CutPrefix(rest, aliased); ok {
			return app + "/" + below, nil
		}
	}
	return content.Path, nil
}

// materialise writes a published file to its path below the data folder,
// unless the same bytes are there.
func (s *Service) materialise(ctx context.Context, content Content) (err error) {
	name := filepath.Join(s.cfg.Folder, filepath.FromSlash(content.Path))
	if info, err := os.Stat(name); err == nil && info.Size() == content.Size && info.ModTime().Equal(content.Modified) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil { //nolint:gosec // the server in front runs as another user
		return fmt.Errorf("make folder of result: %w", err)
	}
	file, err := os.CreateTemp(filepath.Dir(name), "."+path.Base(content.Path)+"-")
	if err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(file.Name()))
		}
	}()
	_, err = io.Copy(file, content.Body)
	err = errors.Join(err, file.Chmod(0o644), file.Close(), ctx.Err())
	if err == nil {
		err = os.Chtimes(file.Name(), content.Modified, content.Modified)
	}
	if err == nil {
		err = os.Rename(file.Name(), name)
	}
	if err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	return nil
}

// removeCopies removes what lies below this machine's data folder at the
// paths of results that are gone: what Accelerate put there, or an earlier
// installation. Else it would be served in their place.
func (s *Service) removeCopies(ctx context.Context, paths []string) {
	root, err := os.OpenRoot(s.cfg.Folder)
	if err != nil {
		s.log.WarnContext(ctx, "copies of removed results may be left", "error", err)
		return
	}
	defer root.Close()
	for _, name := range paths {
		if err := root.Remove(filepath.FromSlash(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.log.WarnContext(ctx, "a copy of a removed result is left", "path", name, "error", err)
		}
	}
}
