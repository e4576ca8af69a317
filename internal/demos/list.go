package demos

import (
	"context"
	"fmt"
	"strings"
	"time"

	"granary/internal/platform/fault"
	"granary/internal/platform/identity"
)

// TaskFilter selects tasks for Tasks; zero fields select all.
type TaskFilter struct {
	App string
	// State is one of the final states, or Open for tasks that wait or run.
	State State
	// ExperimentID is the front end's own id.
	ExperimentID string
	// Cursor is the Next of the page before.
	Cursor string
	// Limit is the page size, 1..200. Defaults to 50.
	Limit int
}

// TaskPage is a list of tasks, newest first. Next is empty on the last page.
type TaskPage struct {
	Tasks []Task
	Next  string
}

// The sizes of a page of tasks.
const (
	defaultTasks = 50
	maxTasks     = 200
)

// Tasks lists tasks, newest first, with their state as it is now. Stewards
// only: a task belongs to a front end, not to an account.
func (s *Service) Tasks(ctx context.Context, filter TaskFilter) (TaskPage, error) {
	if err := requireSteward(ctx); err != nil {
		return TaskPage{}, err
	}
	limit := filter.Limit
	if limit <= 0 {
		limit = defaultTasks
	}
	limit = min(limit, maxTasks)
	var tasks []Task
	query := s.db.Reader().NewSelect().Model(&tasks).ExcludeColumn("output").OrderExpr("created_at DESC, id DESC").Limit(int64(limit + 1))
	if filter.App != "" {
		query = query.Where("app = ?", filter.App)
	}
	if filter.State != "" {
		query = query.Where("state = ?", filter.State)
	}
	if filter.ExperimentID != "" {
		query = query.Where("experiment_id = ?", filter.ExperimentID)
	}
	if filter.Cursor != "" {
		at, id, err := readCursor(filter.Cursor)
		if err != nil {
			return TaskPage{}, err
		}
		query = query.Where("(created_at, id) < (?, ?)", at, id)
	}
	if err := query.Scan(ctx); err != nil {
		return TaskPage{}, fmt.Errorf("list tasks: %w", err)
	}
	page := TaskPage{Tasks: tasks}
	if len(tasks) > limit {
		page.Tasks = tasks[:limit]
		last := page.Tasks[limit-1]
		page.Next = last.CreatedAt.UTC().Format(time.RFC3339Nano) + "~" + last.ID
	}
	for i := range page.Tasks {
		if page.Tasks[i].State != Open {
			continue
		}
		state, err := s.stateOf(ctx, &page.Tasks[i])
		if err != nil {
			return TaskPage{}, err
		}
		page.Tasks[i].State = state
	}
	return page, nil
}

func readCursor(cursor string) (time.Time, string, error) {
	text, id, ok := strings.Cut(cursor, "~")
	at, err := time.Parse(time.RFC3339Nano, text)
	if !ok || err != nil {
		return at, "", fault.New(fault.Invalid, "the cursor is not one of ours")
	}
	return at, id, nil
}

// Published lists what a task has published, by path. Stewards only.
func (s *Service) Published(ctx context.Context, taskID string) ([]File, error) {
	if err := requireSteward(ctx); err != nil {
		return nil, err
	}
	var files []File
	err := s.db.Reader().NewSelect().Model(&files).Where("task_id = ?", taskID).Order("path").Limit(maxFiles).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("list results: %w", err)
	}
	return files, nil
}

// requireSteward refuses callers who do not look after everybody's data.
func requireSteward(ctx context.Context) error {
	p, err := identity.Require(ctx)
	if err != nil {
		return err
	}
	if p.Role != identity.Steward && !p.IsAdmin() {
		return fault.New(fault.Forbidden, "only stewards see the tasks of front ends")
	}
	return nil
}
