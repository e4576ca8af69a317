package pages

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strconv"

	"granary/internal/console/ui"
	"granary/internal/platform/fault"
	"granary/internal/vision"
)

func pipelineHref(id string) string { return root + "/pipelines/" + url.PathEscape(id) }

type pipelinesView struct {
	Pipelines []vision.Pipeline
	CanSet    bool
	Models    modelsPart
}

func (p *pages) pipelines(w http.ResponseWriter, r *http.Request) error {
	pipelines, err := p.service.Pipelines(r.Context())
	if err != nil {
		return err
	}
	models, done, err := p.modelsPart(w, r, pipelines)
	if err != nil || done {
		return err
	}
	l := p.kit.Locale(r)
	p.kit.Render(w, r, ui.Page{
		Name: "vision/pipelines", Title: l.T("pipelines.title"), Active: "pipelines",
		Crumbs: []ui.Crumb{{Text: l.T("pipelines.title")}}, Notice: ui.Done(r, l, "pipelines.saved"),
		Data: pipelinesView{Pipelines: pipelines, CanSet: user(r.Context()).IsAdmin(), Models: models},
	})
	return nil
}

func (p *pages) setDefault(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return fault.New(fault.Invalid, "the form cannot be read: %w", err)
	}
	if err := p.service.SetDefaultPipeline(r.Context(), r.PostForm.Get("name")); err != nil {
		return err
	}
	ui.Redirect(w, r, root+"/pipelines", "pipelines.saved")
	return nil
}

type pipelineView struct {
	vision.Pipeline
	Models  modelsPart
	Results ui.TableView[resultView]
	CanSet  bool
	Trial   *trialView
}

// resultView is one answer of the pipeline.
type resultView struct {
	vision.Inference
	Count, Reviewed int64
}

// pipelineByID finds an active pipeline, without endpoints and keys.
func (p *pages) pipelineByID(ctx context.Context, id string) (vision.Pipeline, error) {
	pipelines, err := p.service.Pipelines(ctx)
	if err != nil {
		return vision.Pipeline{}, err
	}
	for i := range pipelines {
		if pipelines[i].ID == id {
			return pipelines[i], nil
		}
	}
	return vision.Pipeline{}, vision.ErrNoPipeline
}

func (p *pages) pipeline(w http.ResponseWriter, r *http.Request) error {
	found, err := p.pipelineByID(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	return p.showPipeline(w, r, 0, found, nil)
}

// showPipeline also shows what a trial said, if there was one. The page's one
// sortable list is that of its results; the models stand as they are declared.
func (p *pages) showPipeline(w http.ResponseWriter, r *http.Request, status int, found vision.Pipeline, trial *trialView) error {
	if r.Method == http.MethodPost {
		// The links of the page lead to itself, not to the act that it answers.
		r = r.Clone(r.Context())
		r.URL = &url.URL{Path: pipelineHref(found.ID)}
	}
	v := pipelineView{Pipeline: found, CanSet: user(r.Context()).IsAdmin(), Trial: trial}
	results, done, err := p.resultsTable(found.ID).Page(w, r)
	if err != nil || done {
		return err
	}
	v.Results = results
	rows, err := p.modelRows(r, []vision.Pipeline{found})
	if err != nil {
		return err
	}
	v.Models = modelsPart{Rows: rows, Health: steward(user(r.Context())), Checked: checked(r), Path: ui.WithQuery(pipelineHref(found.ID), "check", "1")}
	l := p.kit.Locale(r)
	p.kit.Render(w, r, ui.Page{
		Name: "vision/pipeline", Title: found.Name, Active: "pipelines", Status: status,
		Crumbs: []ui.Crumb{{Text: l.T("pipelines.title"), Href: root + "/pipelines"}, {Text: found.Name}}, Data: v,
	})
	return nil
}

func (p *pages) resultsTable(pipelineID string) ui.Table[resultView] {
	number := func(id, heading string, of func(resultView) int64) ui.Column[resultView] {
		return ui.Column[resultView]{
			ID: id, Text: heading, Class: "num", Export: func(v resultView) string { return strconv.FormatInt(of(v), 10) },
			Compare: func(a, b resultView) int { return cmp.Compare(of(a), of(b)) },
		}
	}
	return ui.Table[resultView]{
		Name: "pipeline-results", Size: 25, Key: func(v resultView) string { return v.ID },
		Source: func(ctx context.Context, cursor string, limit int) ([]resultView, string, error) {
			inferences, err := p.service.PipelineInferences(ctx, pipelineID, cursor, limit+1)
			if err != nil {
				return nil, "", err
			}
			next := ""
			if len(inferences) > limit {
				inferences = inferences[:limit]
				next = inferences[limit-1].ID
			}
			counts, err := p.service.BoxCounts(ctx, inferences)
			if err != nil {
				return nil, "", err
			}
			rows := make([]resultView, len(inferences))
			for i := range inferences {
				count := counts[inferences[i].ID]
				rows[i] = resultView{Inference: inferences[i], Count: count.Boxes, Reviewed: count.Reviewed}
			}
			return rows, next, nil
		},
		Columns: []ui.Column[resultView]{
			{ID: "picture_id", Text: "search.picture", Export: func(v resultView) string { return v.PictureID }},
			{
				ID: "created_at", Text: "pipeline.when", Export: func(v resultView) string { return ui.CSVTime(v.CreatedAt) },
				Compare: func(a, b resultView) int { return a.CreatedAt.Compare(b.CreatedAt) },
			},
			number("boxes", "picture.boxes", func(v resultView) int64 { return v.Count }),
			number("reviewed", "pipeline.reviewed", func(v resultView) int64 { return v.Reviewed }),
			{ID: "inference_id", Export: func(v resultView) string { return v.ID }},
		},
	}
}
