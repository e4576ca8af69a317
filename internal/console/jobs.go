package console

import (
	"net/http"
	"slices"
	"time"

	"granary/internal/console/ui"
	"granary/internal/platform/jobs"
)

type jobsView struct {
	Path   string
	Queues []queueView
	Jobs   []jobView
	State  string
	States []jobs.State
	Kind   string
	Kinds  []string
	Pager  pager
}

type queueView struct {
	Name                    string
	Queued, Running, Failed int64
}

// jobView is a job as its pages show it.
type jobView struct {
	ID, Kind, State, Queue, Note, Error, Args string
	Done, Total                               int64
	Attempt, MaxAttempts                      int
	CreatedAt, StartedAt, FinishedAt          time.Time
	Took                                      time.Duration
}

func newJobView(j jobs.Job, now time.Time) jobView {
	v := jobView{
		ID: j.ID, Kind: j.Kind, State: string(j.State), Queue: j.Queue, Note: j.Progress.Note, Error: j.Error, Args: string(j.Args),
		Done: j.Progress.Done, Total: j.Progress.Total, Attempt: j.Attempt, MaxAttempts: j.MaxAttempts, CreatedAt: j.CreatedAt,
	}
	if j.StartedAt != nil {
		v.StartedAt = *j.StartedAt
		v.Took = now.Sub(v.StartedAt)
	}
	if j.FinishedAt != nil {
		v.FinishedAt = *j.FinishedAt
		if j.StartedAt != nil {
			v.Took = v.FinishedAt.Sub(v.StartedAt)
		}
	}
	return v
}

func jobStates() []jobs.State {
	return []jobs.State{jobs.Queued, jobs.Scheduled, jobs.Running, jobs.Succeeded, jobs.Failed, jobs.Cancelled}
}

func (d *Door) jobsPage(w http.ResponseWriter, r *http.Request) error {
	q, l := r.URL.Query(), d.kit.Locale(r)
	v := jobsView{Path: r.URL.RequestURI(), Kind: q.Get("kind"), States: jobStates()}
	filter := jobs.Filter{Kind: v.Kind, Cursor: q.Get("cursor"), Limit: 100}
	if s := jobs.State(q.Get("state")); s.Valid() {
		v.State, filter.States = string(s), []jobs.State{s}
	}
	page, err := d.cfg.Jobs.List(r.Context(), filter)
	if err != nil {
		return err
	}
	for _, j := range page.Jobs {
		v.Jobs = append(v.Jobs, newJobView(j, d.cfg.Now()))
		if !slices.Contains(v.Kinds, j.Kind) {
			v.Kinds = append(v.Kinds, j.Kind)
		}
	}
	if v.Kind != "" && !slices.Contains(v.Kinds, v.Kind) {
		v.Kinds = append(v.Kinds, v.Kind)
	}
	slices.Sort(v.Kinds)
	base := ui.WithQuery(ui.WithQuery(ui.Root+"/jobs", "state", v.State), "kind", v.Kind)
	v.Pager = newPager(base, filter.Cursor, page.Next)
	if v.Queues, err = d.queues(r); err != nil {
		return err
	}
	d.kit.Render(w, r, ui.Page{
		Name: "console/jobs", Title: l.T("jobs.title"), Active: "jobs", Crumbs: []ui.Crumb{{Text: l.T("jobs.title")}}, Data: v,
	})
	return nil
}

func (d *Door) queues(r *http.Request) ([]queueView, error) {
	depths, err := d.cfg.Jobs.Stats(r.Context())
	if err != nil {
		return nil, err
	}
	var queues []queueView
	for _, depth := range depths {
		i := slices.IndexFunc(queues, func(q queueView) bool { return q.Name == depth.Queue })
		if i < 0 {
			i = len(queues)
			queues = append(queues, queueView{Name: depth.Queue})
		}
		switch depth.State {
		case jobs.Queued, jobs.Scheduled:
			queues[i].Queued += depth.Count
		case jobs.Running:
			queues[i].Running += depth.Count
		case jobs.Failed:
			queues[i].Failed += depth.Count
		case jobs.Succeeded, jobs.Cancelled:
		}
	}
	return queues, nil
}

// jobPageView is one job with what can be done about it.
type jobPageView struct {
	Job                 jobView
	Live                bool
	CanCancel, CanRetry bool
	// Rate is units a second in words; Remaining an estimate, 0 when unknown.
	Rate      string
	Remaining time.Duration
}

func (d *Door) jobPage(w http.ResponseWriter, r *http.Request) error {
	job, err := d.cfg.Jobs.Get(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	l, admin := d.kit.Locale(r), user(r).IsAdmin()
	v := jobPageView{
		Job: newJobView(job, d.cfg.Now()), Live: !job.State.Finished(),
		CanCancel: admin && !job.State.Finished() && !job.CancelRequested,
		CanRetry:  admin && (job.State == jobs.Failed || job.State == jobs.Cancelled),
	}
	if seconds := v.Job.Took.Seconds(); job.State == jobs.Running && v.Job.Done > 0 && seconds > 0 {
		rate := float64(v.Job.Done) / seconds
		v.Rate = l.T("jobs.rate", rate)
		v.Remaining = time.Duration(float64(max(v.Job.Total-v.Job.Done, 0)) / rate * float64(time.Second)).Round(time.Second)
	}
	if ui.Partial(r) {
		d.kit.Fragment(w, r, "console/job", "job_body", v)
		return nil
	}
	d.kit.Render(w, r, ui.Page{
		Name: "console/job", Title: job.Kind, Active: "jobs", Data: v,
		Crumbs: []ui.Crumb{{Text: l.T("jobs.title"), Href: ui.Root + "/jobs"}, {Text: job.Kind}},
	})
	return nil
}

func (d *Door) cancelJob(w http.ResponseWriter, r *http.Request) error {
	return d.changeJob(w, r, d.cfg.Jobs.Cancel(r.Context(), r.PathValue("id")))
}

func (d *Door) retryJob(w http.ResponseWriter, r *http.Request) error {
	return d.changeJob(w, r, d.cfg.Jobs.Retry(r.Context(), r.PathValue("id")))
}

func (d *Door) changeJob(w http.ResponseWriter, r *http.Request, err error) error {
	if err != nil {
		return err
	}
	ui.Redirect(w, r, ui.Root+"/jobs/"+r.PathValue("id"), "")
	return nil
}
