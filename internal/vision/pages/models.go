package pages

import (
	"net/http"
	"strconv"
	"time"

	"granary/internal/console/ui"
	"granary/internal/platform/fault"
	"granary/internal/vision"
	"granary/internal/vision/engine/builtin"
)

type modelsView struct {
	Versions []versionView
	// Shown is the version whose report is on the page.
	Shown *versionView
	// Active is the version in use; nil before the first training.
	Active *versionView
	Chart  chart
	Matrix matrix
	// CanTrain and CanSwitch follow the service's rules for the caller.
	CanTrain, CanSwitch bool
	CanRollback         bool
}

type versionView struct {
	Number                 int64
	State, Note            string
	Examples               int64
	Accuracy               float64
	CreatedAt, ActivatedAt time.Time
	Report                 builtin.Report
	Open                   bool
}

func (p *pages) models(w http.ResponseWriter, r *http.Request) error {
	versions, err := p.service.ModelVersions(r.Context())
	if err != nil {
		return err
	}
	caller, l := user(r.Context()), p.kit.Locale(r)
	v := modelsView{CanTrain: steward(caller), CanSwitch: caller.IsAdmin()}
	for i := range versions {
		v.Versions = append(v.Versions, newVersionView(&versions[i]))
	}
	wanted, _ := strconv.ParseInt(r.URL.Query().Get("version"), 10, 64) // 0 when absent: the default below
	for i := range v.Versions {
		version := &v.Versions[i]
		if version.State == string(vision.VersionActive) {
			v.Active = version
		}
		v.CanRollback = v.CanRollback || version.State == string(vision.VersionRetired)
		if version.Number == wanted {
			v.Shown = version
		}
	}
	switch {
	case v.Shown != nil:
	case v.Active != nil:
		v.Shown = v.Active
	case len(v.Versions) > 0:
		v.Shown = &v.Versions[0]
	}
	if v.Shown != nil {
		v.Shown.Open = true
		v.Chart = newChart(v.Versions, l)
		v.Matrix = newMatrix(v.Shown.Report)
	}
	p.kit.Render(w, r, ui.Page{
		Name: "vision/models", Title: l.T("models.title"), Active: "models",
		Crumbs: []ui.Crumb{{Text: l.T("models.title")}},
		Notice: ui.Done(r, l, "models.activated", "models.rolled_back"), Data: v,
	})
	return nil
}

func newVersionView(v *vision.ModelVersion) versionView {
	return versionView{
		Number: v.Number, State: string(v.State), Note: v.Note, Examples: v.Examples, Accuracy: v.Accuracy,
		CreatedAt: v.CreatedAt, ActivatedAt: v.ActivatedAt, Report: v.Report,
	}
}

// retrain queues a training and shows its job.
func (p *pages) retrain(w http.ResponseWriter, r *http.Request) error {
	id, err := p.service.Retrain(r.Context())
	if err != nil {
		return err
	}
	ui.Redirect(w, r, ui.Root+"/jobs/"+id, "")
	return nil
}

func (p *pages) activate(w http.ResponseWriter, r *http.Request) error {
	number, err := strconv.ParseInt(r.PathValue("number"), 10, 64)
	if err != nil {
		return fault.New(fault.NotFound, "there is no model version %q", r.PathValue("number"))
	}
	if err := p.service.ActivateModel(r.Context(), number); err != nil {
		return err
	}
	ui.Redirect(w, r, root+"/models", "models.activated")
	return nil
}

func (p *pages) rollback(w http.ResponseWriter, r *http.Request) error {
	if _, err := p.service.RollbackModel(r.Context()); err != nil {
		return err
	}
	ui.Redirect(w, r, root+"/models", "models.rolled_back")
	return nil
}
