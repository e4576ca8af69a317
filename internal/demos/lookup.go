package demos

import (
	"context"
	"encoding/json"
	"fmt"

	"granary/internal/platform/fault"
)

// TaskOfJob returns the task that a job works on, or NotFound.
func (s *Service) TaskOfJob(ctx context.Context, jobID string) (*Task, error) {
	job, err := s.jobs.Get(ctx, jobID)
	if err != nil {
		return nil, err
	}
	var args taskArgs
	if err := json.Unmarshal(job.Args, &args); err != nil || args.Kind() != job.Kind {
		return nil, noSuchTask()
	}
	return s.Task(ctx, args.Task)
}

// Upload returns the picture that a task was started with, a JPEG. Stewards
// only. Errors: NotFound for a task without one.
func (s *Service) Upload(ctx context.Context, task *Task) ([]byte, error) {
	if err := requireSteward(ctx); err != nil {
		return nil, err
	}
	if task.UploadKey == "" {
		return nil, fault.New(fault.NotFound, "the task has no uploaded picture")
	}
	data, _, err := s.blobs.ReadAll(ctx, task.UploadKey)
	if err != nil {
		return nil, fmt.Errorf("read uploaded picture: %w", err)
	}
	return data, nil
}

// TaskFile opens what a task has published under that path. Stewards only.
// Errors: NotFound, also for a file that a later task has replaced.
func (s *Service) TaskFile(ctx context.Context, taskID, name string) (Content, error) {
	if err := requireSteward(ctx); err != nil {
		return Content{}, err
	}
	file := &File{Path: name}
	err := s.db.Reader().NewSelect().Model(file).WherePK().Where("task_id = ?", taskID).Scan(ctx)
	if err := found(err, noSuchResult(name), "look for a result"); err != nil {
		return Content{}, err
	}
	return s.Open(ctx, name)
}
