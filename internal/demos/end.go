package demos

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"granary/internal/platform/blob"
	"granary/internal/platform/database"
	"granary/internal/platform/fault"
	"granary/internal/platform/jobs"
)

// maxRowOutput is the longest output in bytes that is kept in its row.
const maxRowOutput = 64 << 10

// succeed publishes the last files and ends the task and its job together.
func (a *attempt) succeed(ctx context.Context, output json.RawMessage) error {
	output, err := a.mergeErrors(a.hide(output))
	if err == nil {
		output, err = a.service.cfg.Compat.shape(a.app.Name, output)
	}
	if err != nil {
		return jobs.Permanent(err)
	}
	files, err := a.stage(ctx)
	if err != nil {
		return err
	}
	var long []blob.Object
	if len(output) > maxRowOutput {
		// Not by the attempt's number, which one that shutdown gave back has again.
		key := "demos/tasks/" + a.task.ID + "/output-" + uuid.NewString() + ".json"
		object, err := a.service.blobs.Put(ctx, key, "application/json", bytes.NewReader(output))
		if err != nil {
			a.unstage(ctx, files)
			return err
		}
		long = append(long, object)
	}
	err = a.run.Commit(ctx, func(ctx context.Context, tx database.Tx) error {
		if err := a.service.publish(ctx, tx, a.task, files); err != nil {
			return err
		}
		if err := a.service.blobs.Publish(ctx, tx, long...); err != nil {
			return err
		}
		task := *a.task
		task.Output = string(output)
		if len(long) > 0 {
			task.Output, task.OutputKey = "", long[0].Key
		}
		if err := a.service.end(ctx, tx, &task, Succeeded, ""); err != nil {
			return err
		}
		return a.service.announce(ctx, tx, &task, succeeded(output))
	})
	if err != nil {
		a.unstage(ctx, files)
		a.service.discard(ctx, long)
	}
	return err
}

// mergeErrors adds the documents that could not be read to the output's list
// of errors, and refuses an output that has nothing but errors: front ends
// would take it for a success.
func (a *attempt) mergeErrors(output json.RawMessage) (json.RawMessage, error) {
	object, err := parseMembers(output)
	if err != nil {
		if len(output) == 0 || string(output) == "null" {
			return nil, fault.New(fault.Unavailable, "the worker ended without a result")
		}
		return output, nil //nolint:nilerr // an app may answer another value
	}
	problems, ok := problemsOf(object.get("error"))
	if !ok {
		return output, nil // the app's own shape of an error
	}
	problems = append(append([]string{}, a.unread...), problems...)
	switch {
	case len(problems) > 0 && !hasResults(object):
		return nil, fault.New(fault.Unavailable, "there is no result: %s", problems[0])
	case len(a.unread) == 0:
		return output, nil
	}
	list, err := json.Marshal(problems)
	if err != nil {
		return nil, fmt.Errorf("encode errors: %w", err)
	}
	return append(object.without("error"), member{"error", list}).encode(), nil
}

// problemsOf reads an output's errors: a list of texts or, of a worker that
// says but one, a text.
func problemsOf(raw json.RawMessage) (problems []string, ok bool) {
	if raw == nil || json.Unmarshal(raw, &problems) == nil {
		return problems, true
	}
	var one string
	if json.Unmarshal(raw, &one) != nil {
		return nil, false
	}
	if one == "" {
		return nil, true
	}
	return []string{one}, true
}

// hasResults reports whether an output says anything but where its data set
// is and what went wrong.
func hasResults(object members) bool {
	for _, one := range object {
		switch one.name {
		case "error", "dataset_url", "metadata":
			continue
		}
		switch string(bytes.TrimSpace(one.value)) {
		case "", "null", "[]", "{}", `""`:
			continue
		}
		return true
	}
	return false
}

// ended closes a task whose job ended otherwise than by its handler. It runs
// in the transaction that ends the job.
func (s *Service) ended(ctx context.Context, tx database.Tx, job jobs.Job) error {
	var args taskArgs
	if err := json.Unmarshal(job.Args, &args); err != nil {
		return fmt.Errorf("read arguments of job %s: %w", job.ID, err)
	}
	task, err := loadTask(ctx, tx, args.Task)
	switch {
	case fault.Is(err, fault.NotFound):
		return nil // cleared since
	case err != nil:
		return err
	case task.State != Open:
		return nil
	case job.State == jobs.Cancelled:
		return s.cancelTask(ctx, tx, task)
	}
	if err := s.end(ctx, tx, task, endOf(job.State), job.Error); err != nil {
		return err
	}
	return s.announce(ctx, tx, task, failed(job.Error))
}

// cancelTask marks an open task cancelled and keeps its callbacks back.
func (s *Service) cancelTask(ctx context.Context, tx database.Tx, task *Task) error {
	if err := s.outbox.Silence(ctx, tx, task.JobID); err != nil {
		return err
	}
	return s.end(ctx, tx, task, Cancelled, "")
}

// end makes a task's state final.
func (s *Service) end(ctx context.Context, tx database.Tx, task *Task, state State, message string) error {
	now := s.now()
	task.State, task.Error, task.EndedAt = state, message, &now
	_, err := tx.NewUpdate().Model(task).Column("state", "error", "ended_at", "output", "output_key").WherePK().Exec(ctx)
	if err != nil {
		return fmt.Errorf("end task: %w", err)
	}
	return nil
}

// Cancel stops a task: durably, at once for its front end, and within a
// moment for its worker. An unknown or ended task is left alone.
func (s *Service) Cancel(ctx context.Context, id string) error {
	task, err := s.Task(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if task.State == Succeeded {
		return nil
	}
	// Also of a task that failed: its job may have been retried.
	if err := s.jobs.Cancel(ctx, task.JobID); err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx database.Tx) error {
		task, err := loadTask(ctx, tx, id)
		if err != nil || task.State != Open {
			return err
		}
		return s.cancelTask(ctx, tx, task)
	})
}
