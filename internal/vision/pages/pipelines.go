package pages

import (
	"net/http"

	"granary/internal/console/ui"
	"granary/internal/platform/fault"
	"granary/internal/vision"
)

type pipelinesView struct {
	Pipelines []vision.Pipeline
	CanSet    bool
}

func (p *pages) pipelines(w http.ResponseWriter, r *http.Request) error {
	pipelines, err := p.service.Pipelines(r.Context())
	if err != nil {
		return err
	}
	l := p.kit.Locale(r)
	p.kit.Render(w, r, ui.Page{
		Name: "vision/pipelines", Title: l.T("pipelines.title"), Active: "pipelines",
		Crumbs: []ui.Crumb{{Text: l.T("pipelines.title")}}, Notice: ui.Done(r, l, "pipelines.saved"),
		Data: pipelinesView{Pipelines: pipelines, CanSet: user(r.Context()).IsAdmin()},
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
