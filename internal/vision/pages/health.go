package pages

import (
	"cmp"
	"net/http"
	"time"

	"granary/internal/console/ui"
	"granary/internal/vision"
	"granary/internal/vision/pipeline"
)

// modelsPart is the list of models with their health. Checked says whether
// the models were asked for this page: a page is shown at once, and asks for
// itself again with ?check=1 when it is there.
type modelsPart struct {
	Table   ui.TableView[modelRow]
	Rows    []modelRow
	Health  bool // the visitor may know
	Checked bool
	Path    string
}

// modelRow is one model of a pipeline; its endpoint and key are not in it.
type modelRow struct {
	PipelineID, Pipeline string
	pipeline.Model
	State     string
	Reason    string
	Detail    string
	Running   string // the version that answers now, where it is known
	CheckedAt time.Time
}

func checked(r *http.Request) bool { return r.URL.Query().Get("check") == "1" }

// modelsPart lists the models of all pipelines as a table of its own.
func (p *pages) modelsPart(w http.ResponseWriter, r *http.Request, pipelines []vision.Pipeline) (part modelsPart, done bool, err error) {
	rows, err := p.modelRows(r, pipelines)
	if err != nil {
		return part, false, err
	}
	table, done, err := modelsTable(rows).Page(w, r)
	return modelsPart{
		Table: table, Rows: table.Rows, Health: steward(user(r.Context())), Checked: checked(r),
		Path: ui.WithQuery(r.URL.RequestURI(), "check", "1"),
	}, done, err
}

// modelRows lists the models in order, with their health when the visitor may
// know and asked.
func (p *pages) modelRows(r *http.Request, pipelines []vision.Pipeline) ([]modelRow, error) {
	type key struct{ pipeline, model string }
	health := map[key]vision.ModelHealth{}
	if checked(r) && steward(user(r.Context())) {
		seen, err := p.service.PipelineHealth(r.Context())
		if err != nil {
			return nil, err
		}
		for _, h := range seen {
			health[key{h.Pipeline, h.Model}] = h
		}
	}
	var rows []modelRow
	for i := range pipelines {
		of := &pipelines[i]
		for _, m := range of.Definition.Models {
			m.Endpoint, m.APIKey = "", "" // Pipelines has none; a page must never have any
			row := modelRow{PipelineID: of.ID, Pipeline: of.Name, Model: m, State: "unchecked", Reason: "unchecked"}
			if h, ok := health[key{row.Pipeline, m.Name}]; ok {
				row.State, row.Reason, row.Detail = string(h.State), string(h.Reason), h.Detail
				row.Running, row.CheckedAt = h.Version, h.CheckedAt
			}
			rows = append(rows, row)
		}
	}
	return rows, nil
}

func modelsTable(rows []modelRow) ui.Table[modelRow] {
	text := func(id, heading string, of func(modelRow) string) ui.Column[modelRow] {
		return ui.Column[modelRow]{
			ID: id, Text: heading, Export: of,
			Compare: func(a, b modelRow) int { return cmp.Compare(of(a), of(b)) },
		}
	}
	return ui.Table[modelRow]{
		Name: "models", Source: ui.Slice(rows), Key: func(m modelRow) string { return m.PipelineID + "/" + m.Name },
		Columns: []ui.Column[modelRow]{
			text("model", "pipelines.model", func(m modelRow) string { return m.Name }),
			text("pipeline", "pipeline.one", func(m modelRow) string { return m.Pipeline }),
			text("version", "pipelines.version", func(m modelRow) string { return cmp.Or(m.Running, m.Version) }),
			text("engine", "pipelines.engine", func(m modelRow) string { return m.Engine }),
			text("task", "pipelines.task", func(m modelRow) string { return string(m.Task) }),
			text("health", "health.title", func(m modelRow) string { return m.State }),
			{ID: "reason", Text: "health.reason", Export: func(m modelRow) string { return m.Reason }},
			{ID: "checked_at", Text: "health.checked", Export: func(m modelRow) string { return ui.CSVTime(m.CheckedAt) }},
		},
	}
}
