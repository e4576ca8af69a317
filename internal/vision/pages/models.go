package pages

import (
	"cmp"
	"encoding/csv"
	"net/http"
	"strconv"
	"time"

	"granary/internal/console/ui"
	"granary/internal/platform/fault"
	"granary/internal/vision"
	"granary/internal/vision/engine/builtin"
)

type modelsView struct {
	Table ui.TableView[versionView]
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
	all := make([]versionView, len(versions))
	for i := range versions {
		all[i] = newVersionView(&versions[i])
	}
	wanted, _ := strconv.ParseInt(r.URL.Query().Get("version"), 10, 64) // 0 when absent: the default below
	for i := range all {
		version := &all[i]
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
	case len(all) > 0:
		v.Shown = &all[0]
	}
	if v.Shown != nil {
		v.Shown.Open = true
		v.Chart = newChart(all, l)
		v.Matrix = newMatrix(v.Shown.Report)
	}
	if v.Shown != nil && r.URL.Query().Get("format") == "confusion" {
		return v.Shown.confusion(w)
	}
	table, done, err := versionsTable(all).Page(w, r)
	if err != nil || done {
		return err
	}
	v.Table = table
	p.kit.Render(w, r, ui.Page{
		Name: "vision/models", Title: l.T("models.title"), Active: "models",
		Crumbs: []ui.Crumb{{Text: l.T("models.title")}},
		Notice: ui.Done(r, l, "models.activated", "models.rolled_back"), Data: v,
	})
	return nil
}

func versionsTable(versions []versionView) ui.Table[versionView] {
	at := func(id, heading string, of func(versionView) time.Time) ui.Column[versionView] {
		return ui.Column[versionView]{
			ID: id, Text: heading, Export: func(v versionView) string { return ui.CSVTime(of(v)) },
			Compare: func(a, b versionView) int { return of(a).Compare(of(b)) },
		}
	}
	number := func(id, heading string, of func(versionView) float64) ui.Column[versionView] {
		return ui.Column[versionView]{
			ID: id, Text: heading, Class: "num", Export: func(v versionView) string { return ui.CSVFloat(of(v)) },
			Compare: func(a, b versionView) int { return cmp.Compare(of(a), of(b)) },
		}
	}
	return ui.Table[versionView]{
		Name: "model-versions", Size: 50, Source: ui.Slice(versions),
		Key: func(v versionView) string { return strconv.FormatInt(v.Number, 10) },
		Columns: []ui.Column[versionView]{
			number("version", "models.number", func(v versionView) float64 { return float64(v.Number) }),
			{
				ID: "state", Text: "models.state", Export: func(v versionView) string { return v.State },
				Compare: func(a, b versionView) int { return cmp.Compare(a.State, b.State) },
			},
			number("accuracy", "models.accuracy", func(v versionView) float64 { return v.Accuracy }),
			number("examples", "models.examples", func(v versionView) float64 { return float64(v.Examples) }),
			at("created_at", "models.trained", func(v versionView) time.Time { return v.CreatedAt }),
			{ID: "act", Text: "models.act", Class: "act"},
			at("activated_at", "", func(v versionView) time.Time { return v.ActivatedAt }),
			number("macro_f1", "", func(v versionView) float64 { return v.Report.MacroF1 }),
			{ID: "note", Export: func(v versionView) string { return v.Note }},
		},
	}
}

// confusion answers the whole confusion matrix as a CSV file: a line for each
// label that experts gave, a column for each that the classifier gave.
func (v *versionView) confusion(w http.ResponseWriter) error {
	file := ui.NewDownload(w, "granary-confusion-"+strconv.FormatInt(v.Number, 10)+".csv", "text/csv; charset=utf-8")
	out := csv.NewWriter(file)
	record := []string{"expert"}
	for _, label := range v.Report.Labels {
		record = append(record, ui.SafeCell(label))
	}
	lines := [][]string{append(record, "recall")}
	for i, label := range v.Report.Labels {
		line := []string{ui.SafeCell(label)}
		for _, count := range v.Report.Confusion[i] {
			line = append(line, strconv.Itoa(count))
		}
		lines = append(lines, append(line, ui.CSVFloat(v.Report.Recall[i])))
	}
	return file.Fail(out.WriteAll(lines))
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
