package pages

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"granary/internal/console/ui"
	"granary/internal/demos"
)

// taskLine is a task in a list.
type taskLine struct {
	ID, App, AppTitle, Does, Experiment, State, Error string
	CreatedAt                                         time.Time
	// Took is zero until the task has ended.
	Took time.Duration
}

func taskHref(id string) string { return root + "/tasks/" + url.PathEscape(id) }

func (p *pages) line(l *ui.Locale, task *demos.Task) taskLine {
	line := taskLine{
		ID: task.ID, App: task.App, AppTitle: task.App, Experiment: task.ExperimentID, State: string(task.State), Error: task.Error,
		CreatedAt: task.CreatedAt,
	}
	if app, err := p.service.App(task.App); err == nil {
		line.AppTitle = newAppCard(l, app).Title
		if e, ok := app.Endpoint(task.Endpoint); ok {
			line.Does = endpointTitle(l, e)
		}
	}
	if task.EndedAt != nil {
		line.Took = task.EndedAt.Sub(task.CreatedAt)
	}
	return line
}

type tasksView struct {
	Path   string
	Table  ui.TableView[taskLine]
	App    string
	Apps   []appCard
	State  string
	States []demos.State
	// Experiment is the front end's id that is looked for.
	Experiment string
	Live       bool
}

// listedStates are what the list can be limited to; a waiting and a running
// task are the same to the store.
func listedStates() []demos.State {
	return []demos.State{demos.Open, demos.Succeeded, demos.Failed, demos.TimedOut, demos.Lost, demos.Cancelled}
}

func (p *pages) tasks(w http.ResponseWriter, r *http.Request) error {
	q, l := r.URL.Query(), p.kit.Locale(r)
	v := tasksView{Path: r.URL.RequestURI(), App: q.Get("app"), State: q.Get("state"), Experiment: q.Get("experiment"), States: listedStates()}
	filter := demos.TaskFilter{App: v.App, State: demos.State(v.State), ExperimentID: v.Experiment}
	table, done, err := p.tasksTable(l, filter).Page(w, r)
	if err != nil || done {
		return err
	}
	v.Table = table
	for _, app := range p.service.Apps() {
		v.Apps = append(v.Apps, newAppCard(l, app))
	}
	for _, row := range table.Rows {
		v.Live = v.Live || !demos.State(row.State).Finished()
	}
	p.kit.Render(w, r, ui.Page{
		Name: "demos/tasks", Title: l.T("demos.tasks"), Active: "demo_tasks", Crumbs: []ui.Crumb{{Text: l.T("demos.tasks")}}, Data: v,
	})
	return nil
}

// tasksTable pages in the store's order, newest first: sorting by another
// column would read every task.
func (p *pages) tasksTable(l *ui.Locale, filter demos.TaskFilter) ui.Table[taskLine] {
	return ui.Table[taskLine]{
		Name: "tasks", Size: 50, Key: func(t taskLine) string { return t.ID },
		Source: func(ctx context.Context, cursor string, limit int) ([]taskLine, string, error) {
			filter.Cursor, filter.Limit = cursor, limit
			page, err := p.service.Tasks(ctx, filter)
			if err != nil {
				return nil, "", err
			}
			rows := make([]taskLine, len(page.Tasks))
			for i := range page.Tasks {
				rows[i] = p.line(l, &page.Tasks[i])
			}
			return rows, page.Next, nil
		},
		Columns: []ui.Column[taskLine]{
			{ID: "app", Text: "demos.app", Export: func(t taskLine) string { return t.App }},
			{ID: "state", Text: "field.state", Export: func(t taskLine) string { return t.State }},
			{ID: "experiment_id", Text: "demos.experiment", Export: func(t taskLine) string { return t.Experiment }},
			{ID: "created_at", Text: "field.created", Export: func(t taskLine) string { return ui.CSVTime(t.CreatedAt) }},
			{ID: "took_seconds", Text: "demos.took", Class: "num", Export: func(t taskLine) string { return ui.CSVFloat(t.Took.Seconds()) }},
			{ID: "id", Text: "field.id", Export: func(t taskLine) string { return t.ID }},
			{ID: "error", Export: func(t taskLine) string { return t.Error }},
		},
	}
}
