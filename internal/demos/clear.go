package demos

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"granary/internal/demos/manifest"
	"granary/internal/platform/database"
	"granary/internal/platform/fault"
)

// Cleared counts what a clear or delete removed.
type Cleared struct{ Tasks, Results, Documents, Uploads int }

// Counter returns the number that a counter of a clear route shows.
func (c Cleared) Counter(what manifest.Counted) int {
	switch what {
	case manifest.CountTasks:
		return c.Tasks
	case manifest.CountResults:
		return c.Results
	case manifest.CountDocuments:
		return c.Documents
	case manifest.CountUploads:
		return c.Uploads
	}
	return 0
}

// clearBatch bounds what one transaction removes.
const clearBatch = 500

// Clear removes an app's tasks that ended more than days ago, with their
// results and uploads, and cached documents that no newer task uses. What a
// waiting or running task needs stays.
func (s *Service) Clear(ctx context.Context, app *App, days int) (Cleared, error) {
	before := s.now().Add(-time.Duration(days) * 24 * time.Hour)
	var cleared Cleared
	for {
		var tasks []Task
		err := s.db.Reader().NewSelect().Model(&tasks).Where("app = ? AND ended_at < ?", app.Name, before).
			Order("ended_at").Limit(clearBatch).Scan(ctx)
		if err != nil {
			return cleared, fmt.Errorf("look for old tasks: %w", err)
		}
		if len(tasks) == 0 {
			break
		}
		some, err := s.removeTasks(ctx, tasks)
		if err != nil {
			return cleared, err
		}
		cleared.Tasks += some.Tasks
		cleared.Results += some.Results
		cleared.Uploads += some.Uploads
	}
	documents, err := s.library.Clear(ctx, before, s.documentInUse)
	cleared.Documents = documents
	return cleared, err
}

// ClearOne removes one ended task with its results, or the results that name
// a document, by the endpoint's rule. An unknown id clears nothing.
func (s *Service) ClearOne(ctx context.Context, app *App, endpoint *manifest.Endpoint, id string) (Cleared, error) {
	if endpoint.ClearOne == manifest.ByDocument {
		results, err := s.removeDocumentResults(ctx, app, id, nil)
		return Cleared{Results: results}, err
	}
	task, err := s.byEitherID(ctx, app.Name, id)
	switch {
	case fault.Is(err, fault.NotFound):
		return Cleared{}, nil
	case err != nil:
		return Cleared{}, err
	case task.State == Open:
		return Cleared{}, nil
	}
	return s.removeTasks(ctx, []Task{*task})
}

// removeTasks deletes ended tasks with what only they name.
func (s *Service) removeTasks(ctx context.Context, tasks []Task) (cleared Cleared, err error) {
	ids := make([]string, len(tasks))
	for i, task := range tasks {
		ids[i] = task.ID
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx database.Tx) error {
		cleared = Cleared{}
		var keys, paths []string
		for _, task := range tasks {
			for _, key := range []string{task.CropsKey, task.UploadKey, task.OutputKey} {
				if key != "" {
					keys = append(keys, key)
				}
			}
			if task.UploadKey != "" {
				cleared.Uploads++
			}
		}
		err := tx.NewSelect().Model((*File)(nil)).Column("path").Where("task_id IN (?)", bun.List(ids)).Scan(ctx, &paths)
		if err != nil {
			return fmt.Errorf("look for results: %w", err)
		}
		if err := s.forget(ctx, tx, paths); err != nil {
			return err
		}
		if err := s.blobs.Doom(ctx, tx, keys...); err != nil {
			return err
		}
		if _, err := tx.NewDelete().Model((*Task)(nil)).Where("id IN (?)", bun.List(ids)).Exec(ctx); err != nil {
			return fmt.Errorf("remove tasks: %w", err)
		}
		cleared.Tasks, cleared.Results = len(tasks), len(paths)
		return nil
	})
	return cleared, err
}

// documentInUse reports whether a task that has not ended, or that ended
// after before, works on a document.
func (s *Service) documentInUse(ctx context.Context, kind, uid string, before time.Time) (bool, error) {
	used, err := s.db.Reader().NewSelect().Model((*taskDocument)(nil)).
		Join("JOIN demos_tasks AS t ON t.id = task_document.task_id").
		Where("task_document.uid = ? AND task_document.type = ?", uid, kind).
		Where("t.ended_at IS NULL OR t.ended_at >= ?", before).Exists(ctx)
	if err != nil {
		return false, fmt.Errorf("look for users of a document: %w", err)
	}
	return used, nil
}

// removeDocumentResults removes an app's published files that belong to a
// document: in a folder of its name, or with its uid among the parts of the
// file's name. Every one of the filters must be such a part too.
func (s *Service) removeDocumentResults(ctx context.Context, app *App, uid string, filters []string) (int, error) {
	var files []File
	err := s.db.Reader().NewSelect().Model(&files).Column("path").Where("app = ?", app.Name).Scan(ctx)
	if err != nil {
		return 0, fmt.Errorf("look for results: %w", err)
	}
	var paths []string
	for _, file := range files {
		if belongsTo(file.Path, uid) && !slices.ContainsFunc(filters, func(f string) bool { return !hasPart(path.Base(file.Path), f) }) {
			paths = append(paths, file.Path)
		}
	}
	return len(paths), s.db.InTx(ctx, func(ctx context.Context, tx database.Tx) error { return s.forget(ctx, tx, paths) })
}

func belongsTo(name, uid string) bool {
	return path.Base(path.Dir(name)) == uid || hasPart(path.Base(name), uid)
}

// hasPart reports whether part stands in name between separators.
func hasPart(name, part string) bool {
	name = strings.TrimSuffix(name, path.Ext(name))
	for rest := name; part != ""; {
		before, after, ok := strings.Cut(rest, part)
		if !ok {
			return false
		}
		start, end := before == "" || strings.HasSuffix(before, "-"), after == "" || strings.HasPrefix(after, "-")
		if start && end {
			return true
		}
		rest = after
	}
	return false
}

// ClearIndex removes an index that a task of the experiment made, with the
// task. indexID, when given, must be that index.
func (s *Service) ClearIndex(ctx context.Context, app *App, experimentID, indexID string) (foundTask, cleared bool, err error) {
	task, err := s.byEitherID(ctx, app.Name, experimentID)
	if fault.Is(err, fault.NotFound) {
		return false, false, nil
	}
	if err != nil {
		return false, false, err
	}
	output, err := s.Output(ctx, task)
	if err != nil {
		return true, false, err
	}
	var made struct {
		Metadata struct {
			IndexID string `json:"index_id"`
		}
	}
	if task.State == Open || task.Endpoint != "/indexing" || json.Unmarshal(output, &made) != nil || made.Metadata.IndexID == "" ||
		indexID != "" && indexID != made.Metadata.IndexID {
		return true, false, nil
	}
	_, err = s.removeTasks(ctx, []Task{*task})
	return true, err == nil, err
}
