package console

import (
	"bufio"
	"context"
	"net/http"
	"time"

	"granary/internal/console/ui"
	"granary/internal/platform/fault"
	"granary/internal/platform/jobs"
	"granary/internal/platform/jobs/jobsapi"
	"granary/internal/platform/jobs/journal"
	"granary/internal/platform/jobs/outbox"
)

// Journal is what the console needs of the jobs' journal; *journal.Journal is one.
type Journal interface {
	jobsapi.Follower
	View(ctx context.Context, jobID string) (journal.View, error)
	History(ctx context.Context, job jobs.Job) ([]journal.Event, error)
}

// Callbacks are what jobs told others; *outbox.Outbox is one.
type Callbacks interface {
	Deliveries(ctx context.Context, stream string) ([]outbox.Delivery, error)
	Redeliver(ctx context.Context, id string) error
}

// shownLines is how many of the latest lines a job's page shows; all are in
// its log.
const shownLines = 300

// jobPageView is one job with what can be done about it.
type jobPageView struct {
	Job                 jobView
	Live                bool
	CanCancel, CanRetry bool
	// Rate is units a second in words; Remaining an estimate, 0 when unknown.
	Rate      string
	Remaining time.Duration
	Bars      []jobs.Bar
	Timeline  []journal.Event
	Lines     []journal.Event
	// After is the last event that the page has; the script asks for what
	// follows.
	After     int64
	Callbacks []outbox.Delivery
	Admin     bool
}

func (d *Door) jobPage(w http.ResponseWriter, r *http.Request) error {
	job, err := d.cfg.Jobs.Get(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	l, admin := d.kit.Locale(r), user(r).IsAdmin()
	v := jobPageView{
		Job: newJobView(job, d.cfg.Now()), Live: !job.State.Finished(), Admin: admin,
		CanCancel: admin && !job.State.Finished() && !job.CancelRequested,
		CanRetry:  admin && job.State.Finished() && job.State != jobs.Succeeded,
	}
	if seconds := v.Job.Took.Seconds(); job.State == jobs.Running && v.Job.Done > 0 && seconds > 0 {
		rate := float64(v.Job.Done) / seconds
		v.Rate = l.T("jobs.rate", rate)
		v.Remaining = time.Duration(float64(max(v.Job.Total-v.Job.Done, 0)) / rate * float64(time.Second)).Round(time.Second)
	}
	if err := d.tell(r.Context(), job, &v); err != nil {
		return err
	}
	if ui.Partial(r) {
		d.kit.Fragment(w, r, "console/job", "job_body", v)
		return nil
	}
	d.kit.Render(w, r, ui.Page{
		Name: "console/job", Title: job.Kind, Active: "jobs", Data: v, Scripts: []string{"console/job.js"},
		Notice: ui.Done(r, l, "jobs.resent"),
		Crumbs: []ui.Crumb{{Text: l.T("jobs.title"), Href: ui.Root + "/jobs"}, {Text: job.Kind}},
	})
	return nil
}

// tell adds what the job said and told others.
func (d *Door) tell(ctx context.Context, job jobs.Job, v *jobPageView) error {
	history, err := d.cfg.Journal.History(ctx, job)
	if err != nil {
		return err
	}
	for _, event := range history {
		v.After = max(v.After, event.Seq)
		switch event.Type {
		case journal.StateNow, journal.Started, journal.Ended:
			v.Timeline = append(v.Timeline, event)
		default:
			v.Lines = append(v.Lines, event)
		}
	}
	v.Lines = v.Lines[max(len(v.Lines)-shownLines, 0):]
	if v.Live {
		view, err := d.cfg.Journal.View(ctx, job.ID)
		if err != nil {
			return err
		}
		v.Bars = view.Bars
	}
	if d.cfg.Callbacks != nil {
		v.Callbacks, err = d.cfg.Callbacks.Deliveries(ctx, job.ID)
	}
	return err
}

// jobEvents is the live part of a job's page.
func (d *Door) jobEvents(w http.ResponseWriter, r *http.Request) error {
	return jobsapi.ServeEvents(w, r, d.cfg.Journal, d.cfg.Jobs, r.PathValue("id"))
}

// jobLog is all that a job said, as text.
func (d *Door) jobLog(w http.ResponseWriter, r *http.Request) error {
	job, err := d.cfg.Jobs.Get(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	history, err := d.cfg.Journal.History(r.Context(), job)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	out := bufio.NewWriter(w)
	for _, event := range history {
		if err := journal.WriteText(out, event); err != nil {
			return nil //nolint:nilerr // the client has gone, and part of the log with it
		}
	}
	_ = out.Flush()
	return nil
}

func (d *Door) cancelJob(w http.ResponseWriter, r *http.Request) error {
	return d.changeJob(w, r, d.cfg.Jobs.Cancel(r.Context(), r.PathValue("id")), "")
}

func (d *Door) retryJob(w http.ResponseWriter, r *http.Request) error {
	return d.changeJob(w, r, d.cfg.Jobs.Retry(r.Context(), r.PathValue("id")), "")
}

// resendCallback sends one of the job's callbacks again.
func (d *Door) resendCallback(w http.ResponseWriter, r *http.Request) error {
	if d.cfg.Callbacks == nil {
		return fault.New(fault.NotFound, "no such callback")
	}
	return d.changeJob(w, r, d.cfg.Callbacks.Redeliver(r.Context(), r.PathValue("callback")), "jobs.resent")
}

func (d *Door) changeJob(w http.ResponseWriter, r *http.Request, err error, done string) error {
	if err != nil {
		return err
	}
	ui.Redirect(w, r, ui.Root+"/jobs/"+r.PathValue("id"), done)
	return nil
}
