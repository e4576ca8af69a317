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
	task, err := s.Task(ctx, id)
	if err != nil {
		return Status{}, err
	}
	status := Status{Task: task, State: task.State}
	if task.State == Open {
		if status.State, err = s.openState(ctx, task); err != nil {
			return Status{}, err
		}
	}
	if status.State == Running || status.State.Finished() && status.State != Succeeded {
		if status.View, err = s.journal.View(ctx, task.JobID); err != nil {
			return Status{}, err
		}
	}
	return status, nil
}

// openState is what the job engine says of a task that has not ended.
func (s *Service) openState(ctx context.Context, task *Task) (State, error) {
	job, err := s.jobs.Get(ctx, task.JobID)
	switch {
	case fault.Is(err, fault.NotFound):
		return Lost, nil
	case err != nil:
		return "", err
	case job.State == jobs.Running:
		return Running, nil
	}
	return Waiting, nil
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
