package demos

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"granary/internal/demos/dataset"
	"granary/internal/demos/manifest"
	"granary/internal/platform/database"
	"granary/internal/platform/fault"
	"granary/internal/platform/jobs"
	"granary/internal/platform/worker"
)

// maxMessage bounds one message of a worker: a result with every region of a
// large data set in it.
const maxMessage = 128 << 20

// policy is how the jobs of an app are treated.
func (s *Service) policy(app *App) jobs.Policy {
	policy := jobs.Policy{
		Queue: app.Queue, Concurrency: app.Concurrency, MaxAttempts: app.Attempts, Timeout: app.TimeLimit, TimeoutFinal: true,
		OnFinal: s.ended,
	}
	if app.Device == manifest.GPU {
		policy.Device = jobs.DeviceGPU
	}
	return policy
}

// run is one attempt at a task.
func (s *Service) run(ctx context.Context, run *jobs.Run, args taskArgs) (err error) {
	app, err := s.App(args.App)
	if err != nil {
		return jobs.Permanent(err)
	}
	task, err := s.begin(ctx, run, args.Task)
	switch {
	case fault.Is(err, fault.NotFound): // cleared before somebody retried its job
		return jobs.Permanent(err)
	case err != nil:
		return err
	}
	endpoint, ok := app.Endpoint(task.Endpoint)
	if !ok {
		return jobs.Permanent(fault.New(fault.NotFound, "the app %s has no endpoint %q any more", app.Name, task.Endpoint))
	}
	run.Info(ctx, "Starting task "+endpoint.Actor)
	a := &attempt{service: s, run: run, app: app, endpoint: endpoint, task: task, published: map[string]stamp{}}
	defer func() { err = errors.Join(err, a.close()) }()
	if err := a.prepare(ctx); err != nil {
		return err
	}
	output, err := a.work(ctx)
	if err != nil {
		return a.failure(ctx, err)
	}
	return a.succeed(ctx, output)
}

// begin marks the task begun and announces it, the first time. A task whose
// job an operator retries is open again; its front end was told of the end
// and hears no more.
func (s *Service) begin(ctx context.Context, run *jobs.Run, id string) (*Task, error) {
	var task *Task
	err := run.Save(ctx, func(ctx context.Context, tx database.Tx) (err error) {
		if task, err = loadTask(ctx, tx, id); err != nil {
			return err
		}
		if task.State == Open && task.Begun {
			return nil
		}
		task.State, task.Begun, task.Error, task.EndedAt = Open, true, "", nil
		if _, err := tx.NewUpdate().Model(task).Column("state", "begun", "error", "ended_at").WherePK().Exec(ctx); err != nil {
			return fmt.Errorf("mark task begun: %w", err)
		}
		return s.announce(ctx, tx, task, started())
	})
	return task, err
}

// attempt is a task while it is worked on.
type attempt struct {
	service  *Service
	run      *jobs.Run
	app      *App
	endpoint *manifest.Endpoint
	task     *Task
	// root is the private data folder.
	root string
	// unread are the documents that could not be had, in words.
	unread []string
	// published says which files are known to readers already.
	published map[string]stamp
}

// prepare fetches the documents and lays out the private data folder.
func (a *attempt) prepare(ctx context.Context) error {
	s := a.service
	documents, err := s.Documents(ctx, a.task.ID)
	if err != nil {
		return err
	}
	set := dataset.Set{Documents: documents}
	if a.task.CropsKey != "" {
		if set.Crops, _, err = s.blobs.ReadAll(ctx, a.task.CropsKey); err != nil {
			return fmt.Errorf("read crops: %w", err)
		}
	}
	for i, d := range documents {
		if err := a.fetch(ctx, d, i, len(documents)); err != nil {
			return err
		}
	}
	if len(documents) > 0 && len(a.unread) == len(documents) {
		return jobs.Permanent(fault.New(fault.Unavailable, "no document could be read: %s", a.unread[0]))
	}
	if a.root, err = s.views.make(a.run.JobID()); err != nil {
		return err
	}
	if err := s.library.MakeView(ctx, a.root, set, a.app.Folder); err != nil {
		return err
	}
	if err := a.writeInputs(ctx); err != nil {
		return err
	}
	return a.writeUpload(ctx)
}

// fetch prepares one document; a failure is the document's, not the task's.
func (a *attempt) fetch(ctx context.Context, d dataset.Document, i, total int) error {
	bar := jobs.Bar{Key: "documents", Context: "Documents", Current: int64(i), Total: int64(total)}
	a.run.Bar(ctx, bar)
	folder, err := a.service.library.Prepare(ctx, d, func(done, of int64) {
		a.run.Bar(ctx, jobs.Bar{Key: "images", Context: "Pictures of " + d.UID, Current: done, Total: of})
	})
	a.run.Bar(ctx, jobs.Bar{Key: "images", End: true})
	if i == total-1 {
		bar.Current, bar.End = int64(total), true
		a.run.Bar(ctx, bar)
	}
	switch {
	case err == nil:
		for _, problem := range folder.Problems {
			a.run.Warn(ctx, fmt.Sprintf("document %s: %s", d.UID, problem))
		}
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	text := fmt.Sprintf("document %s: %s", d.UID, fault.Message(err))
	a.unread = append(a.unread, text)
	a.run.Fail(ctx, text)
	return nil
}

// work hands the task to a worker and returns what it answers.
func (a *attempt) work(ctx context.Context) (json.RawMessage, error) {
	kwargs, err := a.kwargs()
	if err != nil {
		return nil, err
	}
	job := worker.Job{
		ID: a.task.ID, Actor: a.endpoint.Actor, Kwargs: kwargs, BaseURL: a.task.BaseURL, Device: a.run.Device(), Attempt: a.run.Attempt(),
		Paths: worker.Paths{
			Data: a.root, Dataset: filepath.Join(a.root, "shared", "datasets"), Results: filepath.Join(a.root, a.app.Folder, "results"),
		},
	}
	return a.service.workers.Run(ctx, a.service.spec(a.app), job, &sink{attempt: a, ctx: ctx})
}

// kwargs are the worker's arguments.
func (a *attempt) kwargs() (json.RawMessage, error) {
	values, err := a.task.Values()
	if err != nil {
		return nil, err
	}
	kwargs := map[string]any{"experiment_id": SafeID(a.task.ExperimentID)}
	if a.task.DatasetUID != "" {
		kwargs["dataset_uid"] = a.task.DatasetUID
	}
	if a.task.UploadKey != "" {
		kwargs["image_path"] = a.uploadName()
	}
	switch a.endpoint.Shape {
	case manifest.Object:
		kwargs["parameters"] = values
	case manifest.Text:
		kwargs["parameters"] = a.task.Parameters
	default:
		maps.Copy(kwargs, values)
	}
	return json.Marshal(kwargs)
}

// spec is how the app's worker is started.
func (s *Service) spec(app *App) worker.Spec {
	w := app.Worker
	argv := append([]string(nil), w.Command...)
	if argv[0] == "granary" {
		argv[0] = s.cfg.Program
	}
	spec := worker.Spec{
		Name: app.Name, Argv: argv, Dir: app.Dir, Inherit: append(append([]string(nil), s.cfg.Inherit...), w.Inherit...),
		Mode: worker.Mode(w.Mode), Noise: w.Noise, Memory: w.MemoryMiB << 20, StartTimeout: w.Start, Silence: w.Silence,
		Grace: w.Grace, IdleTimeout: w.Idle, MaxLine: maxMessage,
	}
	spec.Env = append(spec.Env, s.cfg.Environment...)
	for _, name := range slices.Sorted(maps.Keys(w.Environment)) { // in one order: it tells warm workers apart
		spec.Env = append(spec.Env, name+"="+w.Environment[name])
	}
	return spec
}

// failure is what becomes of the job after its worker failed: a worker that
// died may do better next time, whatever else went wrong will again.
func (a *attempt) failure(ctx context.Context, err error) error {
	var failed *worker.Failed
	var died *worker.Died
	switch {
	case ctx.Err() != nil:
		return err
	case errors.As(err, &failed):
		if failed.Traceback != "" {
			a.service.log.ErrorContext(ctx, "a worker failed", "app", a.app.Name, "task_id", a.task.ID, "traceback", failed.Traceback)
		}
		return jobs.Permanent(fault.New(fault.Unavailable, "%s", a.hide([]byte(failed.Error()))))
	case errors.As(err, &died):
		a.service.log.ErrorContext(ctx, "a worker died", "app", a.app.Name, "task_id", a.task.ID, "stderr", died.Stderr)
		wrapped := fault.New(fault.Unavailable, "%s", died.Error())
		if died.OutOfMemory {
			return jobs.Permanent(wrapped)
		}
		return wrapped
	case errors.Is(err, worker.ErrStart), errors.Is(err, worker.ErrHung), errors.Is(err, worker.ErrProtocol), errors.Is(err, worker.ErrTooMuch):
		return jobs.Permanent(fault.New(fault.Unavailable, "%w", err))
	}
	return err
}

// hide takes the place of the private folder out of what a worker says: front
// ends have no use for it and no right to it.
func (a *attempt) hide(text []byte) []byte {
	return bytes.ReplaceAll(text, []byte(a.root+string(filepath.Separator)), nil)
}

// close removes the private folder.
func (a *attempt) close() error {
	if a.root == "" {
		return nil
	}
	if err := os.RemoveAll(a.root); err != nil {
		return fmt.Errorf("remove private folder: %w", err)
	}
	return nil
}
