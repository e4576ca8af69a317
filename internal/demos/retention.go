package demos

import (
	"context"
	"fmt"
	"time"

	"granary/internal/platform/jobs"
)

// retentionKind is the job that keeps Config.Retention.
const retentionKind = "demos_retention"

// retentionTime bounds one run: a first one may remove years of results.
const retentionTime = 6 * time.Hour

// retentionArgs are the job's arguments; the time is that of the
// configuration when it runs.
type retentionArgs struct{}

// Kind implements jobs.Args.
func (retentionArgs) Kind() string { return retentionKind }

// registerRetention adds the job, and has it run every night where results
// are not kept for ever. Without a schedule it is known all the same, for what
// an earlier configuration enqueued.
func (s *Service) registerRetention(registry *jobs.Registry) error {
	policy := jobs.Policy{MaxAttempts: 3, Timeout: retentionTime, Priority: jobs.Low}
	if err := jobs.Register(registry, policy, s.keepRetention); err != nil {
		return err
	}
	if s.cfg.Retention <= 0 {
		return nil
	}
	return registry.Schedule(retentionKind, "@daily", retentionArgs{})
}

// keepRetention removes what a clear request of that age would, of every app.
// Documents go from the folder of this machine.
func (s *Service) keepRetention(ctx context.Context, run *jobs.Run, _ retentionArgs) error {
	if s.cfg.Retention <= 0 {
		return nil
	}
	before := s.now().Add(-s.cfg.Retention)
	for i, app := range s.apps {
		if err := run.Progress(ctx, int64(i), int64(len(s.apps)), app.Title); err != nil {
			return err
		}
		cleared, err := s.clearTasks(ctx, app, before)
		if err != nil {
			return fmt.Errorf("app %s: %w", app.Name, err)
		}
		run.Info(ctx, fmt.Sprintf("%s: removed %d tasks, %d results", app.Name, cleared.Tasks, cleared.Results))
	}
	documents, err := s.library.Clear(ctx, before, s.documentInUse)
	run.Info(ctx, fmt.Sprintf("removed %d documents", documents))
	return err
}
