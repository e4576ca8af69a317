package console

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"granary/internal/console/ui"
	"granary/internal/platform/jobs"
)

type jobsView struct {
	Path   string
	Queues []queueView
	Table  ui.TableView[jobView]
	State  string
	States []jobs.State
	Kind   string
	Kinds  []string
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
	filter := jobs.Filter{Kind: v.Kind}
	if s := jobs.State(q.Get("state")); s.Valid() {
		v.State, filter.States = string(s), []jobs.State{s}
	}
	table, done, err := d.jobsTable(filter).Page(w, r)
	if err != nil || done {
		return err
	}
	v.Table = table
	if v.Kind != "" {
		v.Kinds = append(v.Kinds, v.Kind)
	}
	for _, j := range table.Rows {
		if !slices.Contains(v.Kinds, j.Kind) {
			v.Kinds = append(v.Kinds, j.Kind)
		}
	}
	slices.Sort(v.Kinds)
	if v.Queues, err = d.queues(r); err != nil {
		return err
	}
	d.kit.Render(w, r, ui.Page{
		Name: "console/jobs", Title: l.T("jobs.title"), Active: "jobs", Crumbs: []ui.Crumb{{Text: l.T("jobs.title")}}, Data: v,
	})
	return nil
}

func (d *Door) jobsTable(filter jobs.Filter) ui.Table[jobView] {
	text := func(id, heading string, of func(jobView) string) ui.Column[jobView] {
		return ui.Column[jobView]{
			ID: id, Text: heading, Export: of,
			Compare: func(a, b jobView) int { return cmp.Compare(of(a), of(b)) },
		}
	}
	return ui.Table[jobView]{
		Name: "jobs", Key: func(j jobView) string { return j.ID },
		Source: func(ctx context.Context, cursor string, limit int) ([]jobView, string, error) {
			filter.Cursor, filter.Limit = cursor, limit
			page, err := d.cfg.Jobs.List(ctx, filter)
			if err != nil {
				return nil, "", err
			}
			rows := make([]jobView, len(page.Jobs))
			for i, j := range page.Jobs {
				rows[i] = newJobView(j, d.cfg.Now())
			}
			return rows, page.Next, nil
		},
		Columns: []ui.Column[jobView]{
			text("kind", "jobs.kind", func(j jobView) string { return j.Kind }),
			text("state", "field.state", func(j jobView) string { return j.State }),
			{ID: "progress", Text: "jobs.progress", Export: func(j jobView) string { return j.Note }},
			{
				ID: "attempt", Text: "jobs.attempt", Class: "num", Export: func(j jobView) string { return strconv.Itoa(j.Attempt) },
				Compare: func(a, b jobView) int { return cmp.Compare(a.Attempt, b.Attempt) },
			},
			{
				ID: "created_at", Text: "field.created", Export: func(j jobView) string { return ui.CSVTime(j.CreatedAt) },
				Compare: func(a, b jobView) int { return a.CreatedAt.Compare(b.CreatedAt) },
			},
			{
				ID: "took_seconds", Text: "jobs.took", Class: "num", Export: func(j jobView) string { return ui.CSVFloat(j.Took.Seconds()) },
				Compare: func(a, b jobView) int { return cmp.Compare(a.Took, b.Took) },
			},
			{ID: "id", Text: "field.id", Export: func(j jobView) string { return j.ID }},
			{ID: "error", Export: func(j jobView) string { return j.Error }},
		},
	}
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
