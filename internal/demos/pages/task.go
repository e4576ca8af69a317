package pages

import (
	"context"
	"net/http"
	"slices"
	"time"

	"granary/internal/console/ui"
	"granary/internal/demos"
	"granary/internal/demos/dataset"
	"granary/internal/platform/fault"
	"granary/internal/platform/jobs"
	"granary/internal/platform/jobs/journal"
	"granary/internal/platform/jobs/outbox"
)

// taskView is one task with what it found. The fields from Job to After are
// what the shell's live parts of a job are drawn from.
type taskView struct {
	Task       taskLine
	Job        jobPart
	Live       bool
	Rate       string
	Remaining  time.Duration
	Bars       []jobs.Bar
	Lines      []journal.Event
	After      int64
	CanCancel  bool
	Documents  []dataset.Document
	Parameters []pair
	Callbacks  []outbox.Delivery
	Files      []fileLine
	MoreFiles  int
	Result     *result
	Again      string // address of the app's form
}

// jobPart is the job of a task; empty ID when the engine forgot it.
type jobPart struct {
	ID, Kind, State, Note string
	Done, Total           int64
	Attempt               int
}

type pair struct{ Name, Value string }

// fileLine is a published file.
type fileLine struct {
	Path, Href string
	Size       int64
}

const (
	shownLines = 300
	shownFiles = 100
)

func (p *pages) task(w http.ResponseWriter, r *http.Request) error {
	ctx, l := r.Context(), p.kit.Locale(r)
	status, err := p.service.Status(ctx, r.PathValue("id"))
	if err != nil {
		return err
	}
	task := status.Task
	v := taskView{Task: p.line(l, task), Live: !status.State.Finished(), Again: appHref(task.App)}
	v.Task.State = string(status.State)
	v.CanCancel = v.Live
	if v.Documents, err = p.service.Documents(ctx, task.ID); err != nil {
		return err
	}
	if len(v.Documents) > 0 {
		v.Again = ui.WithQuery(ui.WithQuery(v.Again, "type", v.Documents[0].Type), "src", v.Documents[0].Src)
	}
	if err := p.tell(ctx, task, &v); err != nil {
		return err
	}
	if v.Callbacks, err = p.cfg.Callbacks.Deliveries(ctx, task.JobID); err != nil {
		return err
	}
	if err := p.found(r, task, &v); err != nil {
		return err
	}
	if ui.Partial(r) {
		p.kit.Fragment(w, r, "demos/task", "task_body", v)
		return nil
	}
	page := ui.Page{
		Name: "demos/task", Title: v.Task.AppTitle, Active: "demo_tasks", Data: v,
		Crumbs: []ui.Crumb{{Text: l.T("demos.tasks"), Href: root + "/tasks"}, {Text: v.Task.AppTitle}},
	}
	if v.Live {
		page.Scripts = []string{"console/job.js"}
	}
	p.kit.Render(w, r, page)
	return nil
}

// tell adds what the task's job says.
func (p *pages) tell(ctx context.Context, task *demos.Task, v *taskView) error {
	values, err := task.Values()
	if err != nil {
		return err
	}
	for name, value := range values {
		if text := written(value); text != "" {
			v.Parameters = append(v.Parameters, pair{name, text})
		}
	}
	slices.SortFunc(v.Parameters, func(a, b pair) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	job, err := p.cfg.Jobs.Get(ctx, task.JobID)
	if fault.Is(err, fault.NotFound) {
		v.Live = false
		return nil
	}
	if err != nil {
		return err
	}
	v.Job = jobPart{
		ID: job.ID, Kind: job.Kind, State: string(job.State), Note: job.Progress.Note, Done: job.Progress.Done,
		Total: job.Progress.Total, Attempt: job.Attempt,
	}
	history, err := p.cfg.Journal.History(ctx, job)
	if err != nil {
		return err
	}
	for _, event := range history {
		v.After = max(v.After, event.Seq)
		switch event.Type {
		case journal.StateNow, journal.Started, journal.Ended:
		default:
			v.Lines = append(v.Lines, event)
		}
	}
	v.Lines = v.Lines[max(len(v.Lines)-shownLines, 0):]
	if v.Live {
		view, err := p.cfg.Journal.View(ctx, job.ID)
		if err != nil {
			return err
		}
		v.Bars = view.Bars
	}
	return nil
}

// found adds what the task has published, drawn where its files are of a kind
// that we know.
func (p *pages) found(r *http.Request, task *demos.Task, v *taskView) error {
	files, err := p.service.Published(r.Context(), task.ID)
	if err != nil {
		return err
	}
	for _, file := range files[:min(len(files), shownFiles)] {
		v.Files = append(v.Files, fileLine{Path: file.Path, Href: fileHref(task.ID, file.Path), Size: file.Size})
	}
	v.MoreFiles = len(files) - len(v.Files)
	if task.State != demos.Succeeded {
		return nil
	}
	v.Result, err = p.result(r, task, files, v.Documents)
	return err
}

// cancel stops a task.
func (p *pages) cancel(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	if _, err := p.service.Task(r.Context(), id); err != nil {
		return err
	}
	if err := p.service.Cancel(r.Context(), id); err != nil {
		return err
	}
	ui.Redirect(w, r, taskHref(id), "")
	return nil
}

// ofJob leads from a job to its task.
func (p *pages) ofJob(w http.ResponseWriter, r *http.Request) error {
	task, err := p.service.TaskOfJob(r.Context(), r.PathValue("job"))
	if err != nil {
		return err
	}
	http.Redirect(w, r, taskHref(task.ID), http.StatusSeeOther)
	return nil
}
