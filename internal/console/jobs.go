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
	Path       string
	Queues     []queueView
	Table      ui.TableView[jobView]
	State      string
	States     []jobs.State
	Kind       string
	Kinds      []string
	Queue      string
	QueueNames []string
	Age        string
	Ages       []string
}

// queueView is a queue with its depth; Rate says how many of its jobs finished
// in a minute, empty when none did.
type queueView struct {
	Name                    string
	Queued, Running, Failed int64
	Rate                    string
}

// rateTime is what Rate looks back on.
const rateTime = 5 * time.Minute

// ages are what the list can be limited to.
func ages() map[string]time.Duration {
	return map[string]time.Duration{"hour": time.Hour, "day": 24 * time.Hour, "week": 7 * 24 * time.Hour}
}

// jobView is a job as its pages show it.
type jobView struct {
	ID, Kind, State, Queue, Note, Error, Args string
	Done, Total                               int64
	Attempt, MaxAttempts                      int
	// Stopping: it runs and was told to stop.
	Stopping                         bool
	CreatedAt, StartedAt, FinishedAt time.Time
	Took                             time.Duration
}

func newJobView(j jobs.Job, now time.Time) jobView {
	v := jobView{
		ID: j.ID, Kind: j.Kind, State: string(j.State), Queue: j.Queue, Note: j.Progress.Note, Error: j.Error, Args: string(j.Args),
		Done: j.Progress.Done, Total: j.Progress.Total, Attempt: j.Attempt, MaxAttempts: j.MaxAttempts, CreatedAt: j.CreatedAt,
		Stopping: j.CancelRequested,
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
	return []jobs.State{
		jobs.Queued, jobs.Scheduled, jobs.Running, jobs.Succeeded, jobs.Failed, jobs.TimedOut, jobs.Lost, jobs.Cancelled,
	}
}

func (d *Door) jobsPage(w http.ResponseWriter, r *http.Request) error {
	q, l := r.URL.Query(), d.kit.Locale(r)
	v := jobsView{
		Path: r.URL.RequestURI(), Kind: q.Get("kind"), Queue: q.Get("queue"), States: jobStates(), Ages: []string{"hour", "day", "week"},
	}
	filter := jobs.Filter{Kind: v.Kind, Queue: v.Queue}
	if age, ok := ages()[q.Get("age")]; ok {
		v.Age, filter.Since = q.Get("age"), d.cfg.Now().Add(-age)
	}
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
	if v.Queues, err = d.queues(r.Context(), l); err != nil {
		return err
	}
	for _, queue := range v.Queues {
		v.QueueNames = append(v.QueueNames, queue.Name)
	}
	if v.Queue != "" && !slices.Contains(v.QueueNames, v.Queue) {
		v.QueueNames = append(v.QueueNames, v.Queue)
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

func (d *Door) queues(ctx context.Context, l *ui.Locale) ([]queueView, error) {
	depths, err := d.cfg.Jobs.Stats(ctx)
	if err != nil {
		return nil, err
	}
	rates, err := d.cfg.Jobs.Rates(ctx, d.cfg.Now().Add(-rateTime))
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
		case jobs.Failed, jobs.TimedOut, jobs.Lost:
			queues[i].Failed += depth.Count
		case jobs.Succeeded, jobs.Cancelled:
		}
	}
	for i := range queues {
		for _, rate := range rates {
			if rate.Queue == queues[i].Name {
				queues[i].Rate = l.T("jobs.rate_minute", l.Float(float64(rate.Finished)/rateTime.Minutes(), 1))
			}
		}
	}
	return queues, nil
}
