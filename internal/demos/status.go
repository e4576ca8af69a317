package demos

import (
	"context"
	"encoding/json"
	"fmt"

	"granary/internal/platform/fault"
	"granary/internal/platform/jobs"
	"granary/internal/platform/jobs/journal"
)

// Status is how a task stands, with what its worker says.
type Status struct {
	Task  *Task
	State State
	// View is empty for a task that never ran.
	View journal.View
}

// Status returns a task with its progress, or NotFound.
func (s *Service) Status(ctx context.Context, id string) (Status, error) {
	if status, ok, err := s.stillRunning(ctx, id); ok || err != nil {
		return status, err
	}
	task, err := s.Task(ctx, id)
	if err != nil {
		return Status{}, err
	}
	defer func() { s.polled.remember(task) }()
	status := Status{Task: task}
	if status.State, err = s.stateOf(ctx, task); err != nil {
		return Status{}, err
	}
	if status.State == Running || status.State.Finished() && status.State != Succeeded {
		if status.View, err = s.journal.View(ctx, task.JobID); err != nil {
			return Status{}, err
		}
	}
	return status, nil
}

// stillRunning answers for a task whose job runs, without reading its row: the
// row ends with the job, in one transaction. False for any other.
func (s *Service) stillRunning(ctx context.Context, id string) (Status, bool, error) {
	task, known := s.polled.get(id)
	if !known {
		return Status{}, false, nil
	}
	job, err := s.jobs.Get(ctx, task.JobID)
	if err != nil || job.State != jobs.Running || job.CancelRequested {
		return Status{}, false, nil //nolint:nilerr // the row says what is the matter
	}
	view, err := s.journal.View(ctx, task.JobID)
	return Status{Task: task, State: Running, View: view}, err == nil, err
}

// stateOf is a task's state by its row and, unless it succeeded, by its job:
// an open task waits or runs, and one that failed may have been retried. What
// ended since the row was read is read again, into task.
func (s *Service) stateOf(ctx context.Context, task *Task) (State, error) {
	if task.State == Succeeded {
		return Succeeded, nil
	}
	job, err := s.jobs.Get(ctx, task.JobID)
	switch {
	case fault.Is(err, fault.NotFound) && task.State == Open:
		return Lost, nil
	case fault.Is(err, fault.NotFound):
		return task.State, nil
	case err != nil:
		return "", err
	case job.State == jobs.Running && job.CancelRequested && task.State != Open:
		return task.State, nil
	case job.State == jobs.Running:
		return Running, nil
	case !job.State.Finished():
		return Waiting, nil
	case task.State != Open:
		return task.State, nil
	}
	latest, err := s.Task(ctx, task.ID)
	if err != nil {
		return "", err
	}
	*task = *latest
	if task.State == Open { // nobody told it: its app was not installed then
		return endOf(job.State), nil
	}
	return task.State, nil
}

// endOf is what a job's end is to its task.
func endOf(state jobs.State) State {
	switch state {
	case jobs.Cancelled:
		return Cancelled
	case jobs.TimedOut:
		return TimedOut
	case jobs.Lost:
		return Lost
	}
	return Failed
}

// Output returns what a succeeded task answered, as JSON.
func (s *Service) Output(ctx context.Context, task *Task) (json.RawMessage, error) {
	if task.OutputKey == "" {
		return json.RawMessage(task.Output), nil
	}
	data, _, err := s.blobs.ReadAll(ctx, task.OutputKey)
	if err != nil {
		return nil, fmt.Errorf("read output: %w", err)
	}
	return data, nil
}

// OpenOutput opens what a succeeded task answered where that is long: tasks
// with an OutputKey. It is JSON of any length.
func (s *Service) OpenOutput(ctx context.Context, task *Task) (Content, error) {
	body, object, err := s.blobs.Get(ctx, task.OutputKey)
	if err != nil {
		return Content{}, fmt.Errorf("open output: %w", err)
	}
	return Content{MediaType: object.MediaType, Size: object.Size, Digest: object.SHA256, Body: body}, nil
}
