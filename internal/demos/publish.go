package demos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"granary/internal/platform/blob"
	"granary/internal/platform/database"
	"granary/internal/platform/fault"
	"granary/internal/platform/jobs"
	"granary/internal/platform/worker"
)

// maxFiles bounds the files that one task publishes.
const maxFiles = 100_000

// File is one published result.
type File struct {
	bun.BaseModel `bun:"table:demos_files"`

	// Path is below the data folder, with slashes.
	Path      string    `bun:"path,pk"`
	TaskID    string    `bun:"task_id"`
	App       string    `bun:"app"`
	BlobKey   string    `bun:"blob_key"`
	SHA256    string    `bun:"sha256"`
	Size      int64     `bun:"size_bytes"`
	MediaType string    `bun:"media_type"`
	CreatedAt time.Time `bun:"created_at"`
}

// stamp tells whether a file changed since it was published.
type stamp struct {
	size int64
	time time.Time
}

// staged is a file whose bytes are stored and whose row is not.
type staged struct {
	path   string
	object blob.Object
	stamp  stamp
}

// stage stores the bytes of every file that is new since the last time.
func (a *attempt) stage(ctx context.Context) (files []staged, err error) {
	defer func() {
		if err != nil {
			a.unstage(ctx, files)
			files = nil
		}
	}()
	root, err := os.OpenRoot(a.root)
	if err != nil {
		return nil, fmt.Errorf("open private folder: %w", err)
	}
	defer root.Close()
	names, err := a.produced(root.FS())
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		info, err := root.Lstat(name)
		if err != nil || !info.Mode().IsRegular() {
			continue // removed meanwhile, or a link that points who knows where
		}
		now := stamp{info.Size(), info.ModTime()}
		if a.published[name] == now {
			continue
		}
		object, err := a.put(ctx, root, name)
		if err != nil {
			return files, err
		}
		files = append(files, staged{name, object, now})
	}
	return files, nil
}

func (a *attempt) put(ctx context.Context, root *os.Root, name string) (object blob.Object, err error) {
	file, err := root.Open(name)
	if err != nil {
		return object, fmt.Errorf("read result: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return a.service.blobs.Put(ctx, "demos/files/"+uuid.NewString(), mediaType(name), file)
}

// produced lists the files that are the app's to publish, below the root.
func (a *attempt) produced(files fs.FS) ([]string, error) {
	var names []string
	take := func(dir string, wanted func(rel string) bool) error {
		return fs.WalkDir(files, dir, func(name string, entry fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return nil
			case err != nil:
				return err
			case entry.Type().IsRegular() && wanted(strings.TrimPrefix(name, dir+"/")):
				if names = append(names, name); len(names) > maxFiles {
					return fault.New(fault.TooLarge, "the task left more than %d files", maxFiles)
				}
			}
			return nil
		})
	}
	err := take(a.app.Folder, func(rel string) bool {
		return slices.ContainsFunc(a.endpoint.Publish, func(pattern string) bool {
			matched, _ := path.Match(pattern, rel) // patterns were checked with the manifest
			return matched
		})
	})
	if err == nil && a.endpoint.Annotations {
		err = take("shared/documents", func(rel string) bool {
			matched, _ := path.Match("*/*/annotations/*.json", rel)
			return matched
		})
	}
	if err != nil {
		return nil, fmt.Errorf("list results: %w", err)
	}
	return names, nil
}

func mediaType(name string) string {
	if kind := mime.TypeByExtension(filepath.Ext(name)); kind != "" {
		return kind
	}
	return "application/octet-stream"
}

// unstage takes back what will not be published.
func (a *attempt) unstage(ctx context.Context, files []staged) {
	objects := make([]blob.Object, len(files))
	for i, file := range files {
		objects[i] = file.object
	}
	a.service.discard(ctx, objects)
}

// publish makes staged files what readers get at their paths, in the caller's
// transaction.
func (s *Service) publish(ctx context.Context, tx database.Tx, task *Task, files []staged) error {
	for batch := range slices.Chunk(files, 200) {
		paths, objects, rows := make([]string, len(batch)), make([]blob.Object, len(batch)), make([]File, len(batch))
		for i, file := range batch {
			paths[i], objects[i] = file.path, file.object
			rows[i] = File{
				Path: file.path, TaskID: task.ID, App: task.App, BlobKey: file.object.Key, SHA256: file.object.SHA256,
				Size: file.object.Size, MediaType: file.object.MediaType, CreatedAt: s.now(),
			}
		}
		if err := s.forget(ctx, tx, paths); err != nil {
			return err
		}
		// Where another task publishes the same path at the same moment, the
		// update is what PostgreSQL answers with a conflict, after which the
		// transaction is run again and finds the other's row.
		if _, err := tx.NewInsert().Model(&rows).On("CONFLICT (path) DO UPDATE").Set("task_id = EXCLUDED.task_id").Exec(ctx); err != nil {
			return fmt.Errorf("store results: %w", err)
		}
		if err := s.blobs.Publish(ctx, tx, objects...); err != nil {
			return err
		}
	}
	return nil
}

// forget removes published files, in the caller's transaction.
func (s *Service) forget(ctx context.Context, tx database.Tx, paths []string) error {
	for batch := range slices.Chunk(paths, 200) {
		var keys []string
		err := tx.NewSelect().Model((*File)(nil)).Column("blob_key").Where("path IN (?)", bun.List(batch)).Scan(ctx, &keys)
		if err != nil {
			return fmt.Errorf("look for results: %w", err)
		}
		if len(keys) == 0 {
			continue
		}
		if _, err := tx.NewDelete().Model((*File)(nil)).Where("path IN (?)", bun.List(batch)).Exec(ctx); err != nil {
			return fmt.Errorf("remove results: %w", err)
		}
		if err := s.blobs.Doom(ctx, tx, keys...); err != nil {
			return err
		}
	}
	return nil
}

// sink takes what a worker says.
type sink struct {
	attempt *attempt
	ctx     context.Context //nolint:containedctx // worker.Sink's log methods carry none
}

var _ worker.Sink = (*sink)(nil)

// Line implements worker.Sink.
func (k *sink) Line(level worker.Level, text string) {
	text = string(k.attempt.hide([]byte(text)))
	switch level {
	case worker.Warning:
		k.attempt.run.Warn(k.ctx, text)
	case worker.Error:
		k.attempt.run.Fail(k.ctx, text)
	default:
		k.attempt.run.Info(k.ctx, text)
	}
}

// Bar implements worker.Sink.
func (k *sink) Bar(b worker.Bar) {
	k.attempt.run.Bar(k.ctx, jobs.Bar{Key: b.Key, Context: b.Context, Current: b.Current, Total: b.Total, End: b.End})
}

// Event implements worker.Sink: what the worker has written so far is
// published together with the callback that tells of it.
func (k *sink) Event(ctx context.Context, name string, data json.RawMessage) error {
	a := k.attempt
	e, err := reported(name, a.hide(data))
	for i := range e.more {
		if e.more[i].name == "output" && err == nil {
			e.more[i].value, err = a.service.cfg.Compat.shape(a.app.Name, e.more[i].value)
		}
	}
	if err != nil {
		return jobs.Permanent(err)
	}
	files, err := a.stage(ctx)
	if err != nil {
		return err
	}
	err = a.run.Save(ctx, func(ctx context.Context, tx database.Tx) error {
		if err := a.service.publish(ctx, tx, a.task, files); err != nil {
			return err
		}
		return a.service.announce(ctx, tx, a.task, e)
	})
	if err != nil {
		a.unstage(ctx, files)
		return err
	}
	for _, file := range files {
		a.published[file.path] = file.stamp
	}
	return nil
}
