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

// The bounds of one transaction: how many tasks it removes, and how many
// results.
const (
	clearTasks   = 50
	clearResults = 1000
)

// Clear removes an app's tasks that ended more than days ago, with their
// results and uploads, and cached documents that no newer task uses. What a
// waiting or running task needs stays.
func (s *Service) Clear(ctx context.Context, app *App, days int) (Cleared, error) {
	before := s.now().Add(-time.Duration(days) * 24 * time.Hour)
	cleared, err := s.clearTasks(ctx, app, before)
	if err != nil {
		return cleared, err
	}
	cleared.Documents, err = s.library.Clear(ctx, before, s.documentInUse)
	return cleared, err
}

// clearTasks removes an app's tasks that ended before.
func (s *Service) clearTasks(ctx context.Context, app *App, before time.Time) (cleared Cleared, err error) {
	for {
		var ids []string
		err := s.db.Reader().NewSelect().Model((*Task)(nil)).Column("id").Where("app = ? AND ended_at < ?", app.Name, before).
			Order("ended_at").Limit(clearTasks).Scan(ctx, &ids)
		if err != nil {
			return cleared, fmt.Errorf("look for old tasks: %w", err)
		}
		if len(ids) == 0 {
			return cleared, nil
		}
		some, err := s.removeTasks(ctx, ids)
		cleared.Tasks += some.Tasks
		cleared.Results += some.Results
		cleared.Uploads += some.Uploads
		if err != nil {
			return cleared, err
		}
	}
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
	return s.removeTasks(ctx, []string{task.ID})
}

// removeTasks deletes tasks with what only they name. One that is open, or
// opened again meanwhile because its job was retried, stays.
func (s *Service) removeTasks(ctx context.Context, ids []string) (cleared Cleared, err error) {
	for n := clearResults; n == clearResults; cleared.Results += n {
		if n, err = s.removeResults(ctx, ids); err != nil {
			return cleared, err
		}
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx database.Tx) error {
		var tasks []Task
		err := tx.NewDelete().Model(&tasks).Where("id IN (?) AND state <> ?", bun.List(ids), Open).
			Returning("crops_key, upload_key, output_key").Scan(ctx)
		if err != nil {
			return fmt.Errorf("remove tasks: %w", err)
		}
		var keys []string
		cleared.Tasks, cleared.Uploads = len(tasks), 0
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
		return s.blobs.Doom(ctx, tx, keys...)
	})
	return cleared, err
}

// removeResults removes some of the results of tasks that have ended and
// returns how many; fewer than clearResults were the last.
func (s *Service) removeResults(ctx context.Context, ids []string) (n int, err error) {
	var paths []string
	err = s.db.InTx(ctx, func(ctx context.Context, tx database.Tx) error {
		paths = nil // of a run that met a conflict
		err := tx.NewSelect().Model((*File)(nil)).Column("path").
			Where("task_id IN (SELECT id FROM demos_tasks WHERE id IN (?) AND state <> ?)", bun.List(ids), Open).
			Limit(clearResults).Scan(ctx, &paths)
		if err != nil {
			return fmt.Errorf("look for results: %w", err)
		}
		return s.forget(ctx, tx, paths)
	})
	if err != nil {
		return 0, err
	}
	s.removeCopies(ctx, paths)
	return len(paths), nil
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
	return s.removeMatching(ctx, app, uid, func(name string) bool {
		return belongsTo(name, uid) && !slices.ContainsFunc(filters, func(f string) bool { return !hasPart(path.Base(name), f) })
	})
}

// likeEscapes makes a text stand for itself in a LIKE pattern.
var likeEscapes = strings.NewReplacer("~", "~~", "%", "~%", "_", "~_")

// removeMatching removes an app's published files whose path has text in it
// and is wanted, page by page, and returns how many.
func (s *Service) removeMatching(ctx context.Context, app *App, text string, wanted func(name string) bool) (removed int, err error) {
	pattern := "%" + likeEscapes.Replace(text) + "%"
	for after, more := "", true; more; {
		var paths []string
		err := s.db.Reader().NewSelect().Model((*File)(nil)).Column("path").
			Where("app = ? AND path > ? AND path LIKE ? ESCAPE '~'", app.Name, after, pattern).
			Order("path").Limit(clearResults).Scan(ctx, &paths)
		if err != nil {
			return removed, fmt.Errorf("look for results: %w", err)
		}
		if more = len(paths) == clearResults; more {
			after = paths[len(paths)-1]
		}
		paths = slices.DeleteFunc(paths, func(name string) bool { return !wanted(name) })
		err = s.db.InTx(ctx, func(ctx context.Context, tx database.Tx) error { return s.forget(ctx, tx, paths) })
		if err != nil {
			return removed, err
		}
		s.removeCopies(ctx, paths)
		removed += len(paths)
	}
	return removed, nil
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
	_, err = s.removeTasks(ctx, []string{task.ID})
	return true, err == nil, err
}
