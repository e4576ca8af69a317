package pages_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"image"
	"image/color"
	"image/png"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"granary/internal/console/ui"
	"granary/internal/platform/identity"
	"granary/internal/platform/raster"
	"granary/internal/platform/web"
	"granary/internal/vision"
	"granary/internal/vision/engine"
	"granary/internal/vision/engine/builtin"
	"granary/internal/vision/pages"
	"granary/internal/vision/pipeline"
)

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// fake is a vision service with one folder of two pictures, the first of which
// was classified. It notes what was asked of it.
type fake struct {
	pages.Service // a call that no test expects panics

	t        *testing.T
	rights   vision.Rights
	empty    bool // no pictures, no versions
	asked    []string
	uploaded [][]byte
	refuse   error // answered to every change
	unnamed  error // answered to a classification
}

func (f *fake) note(parts ...string) { f.asked = append(f.asked, strings.Join(parts, " ")) }

func (f *fake) set() vision.PictureSet {
	return vision.PictureSet{ID: "f1", OwnerID: "u1", Name: "Trial <1>", Kind: vision.FolderSet}
}

func (f *fake) DefaultSet(context.Context) (vision.PictureSet, error) { return f.set(), nil }

func (f *fake) Owners(ctx context.Context) ([]vision.Owner, error) {
	owners := []vision.Owner{{ID: "u1", Email: "ada@lab.example"}}
	if p, _ := identity.From(ctx); p.Role == identity.Steward {
		owners = append(owners, vision.Owner{ID: "u2", Email: "grace@lab.example", Pictures: 7, Validated: 3})
	}
	return owners, nil
}

func (f *fake) Listings(ctx context.Context, ownerID string) ([]vision.Listing, error) {
	if p, _ := identity.From(ctx); ownerID != p.UserID && p.Role == identity.Member {
		return nil, vision.ErrNotOwner
	}
	l := vision.Listing{PictureSet: f.set()}
	if !f.empty {
		l.Pictures = []vision.PictureLine{{ID: "p1", Inferred: true}, {ID: "p2", Inferred: true, Validated: true}}
	}
	return []vision.Listing{l}, nil
}

func (f *fake) Set(_ context.Context, id string) (vision.PictureSet, error) {
	if id != "f1" {
		return vision.PictureSet{}, vision.ErrNoSet
	}
	return f.set(), nil
}

func (f *fake) Rights(context.Context, vision.PictureSet) (vision.Rights, error) {
	return f.rights, nil
}

func (f *fake) CreateSet(_ context.Context, name string) (vision.PictureSet, error) {
	f.note("create", name)
	return f.set(), f.refuse
}

func (f *fake) DeleteSet(_ context.Context, id string) error {
	f.note("delete", id)
	return f.refuse
}

func (f *fake) picture(id string) vision.Picture {
	return vision.Picture{ID: id, SetID: "f1", SHA256: "abc", MediaType: "image/png", Width: 40, Height: 20, SizeBytes: 300, FileName: `C:\seeds\tray <1>.png`, UploadedAt: now}
}

func (f *fake) SetPictures(context.Context, string, string, int) ([]vision.Picture, error) {
	if f.empty {
		return nil, nil
	}
	return []vision.Picture{f.picture("p1"), f.picture("p2")}, nil
}

func (f *fake) Picture(_ context.Context, id string) (vision.Picture, vision.PictureSet, error) {
	switch id {
	case "p1", "p2":
		return f.picture(id), f.set(), nil
	case "theirs":
		return vision.Picture{}, vision.PictureSet{}, vision.ErrNotOwner
	}
	return vision.Picture{}, vision.PictureSet{}, vision.ErrNoPicture
}

func (f *fake) PictureBytes(_ context.Context, id string) (vision.Picture, []byte, error) {
	return f.picture(id), drawing(f.t), nil
}

func (f *fake) UploadPicture(_ context.Context, setID, fileName string, data []byte) (vision.Picture, error) {
	f.note("upload", setID, fileName)
	f.uploaded = append(f.uploaded, data)
	return f.picture("p1"), f.refuse
}

func (f *fake) ClassifyPicture(_ context.Context, id, name string) (vision.Inference, error) {
	f.note("classify", id, name)
	return f.inference(), cmp.Or(f.refuse, f.unnamed)
}

// inference has a box to review, a confirmed and a rejected one, in a picture
// that its client counted twice as large.
func (f *fake) inference() vision.Inference {
	guesses := func(prefix string) []vision.Guess {
		return []vision.Guess{{ID: prefix + "g1", SeedID: "s1", Label: "Brassica napus", Score: .9}, {ID: prefix + "g2", SeedID: "s2", Label: "Lolium <i>", Score: .1}}
	}
	return vision.Inference{
		ID: "i1", PictureID: "p1", PipelineName: "Granary", Width: 80, Height: 40, Models: []vision.ModelName{{Name: "granary-detector", Version: "1"}},
		Boxes: []vision.Box{
			{ID: "b1", TopX: 1, TopY: 2, BottomX: 11, BottomY: 22, Label: "x", Score: .9, TopGuessID: "ag1", Guesses: guesses("a")},
			{ID: "b2", TopX: 20, TopY: 2, BottomX: 31, BottomY: 22, TopGuessID: "bg1", VerifiedGuessID: "bg2", ReviewedAt: now, Guesses: guesses("b")},
			{ID: "b3", TopX: 40, TopY: 2, BottomX: 51, BottomY: 22, TopGuessID: "cg1", Rejected: true, ReviewedAt: now, Guesses: guesses("c")},
		},
	}
}

func (f *fake) LatestInference(_ context.Context, id string) (vision.Inference, error) {
	if id == "p2" {
		return vision.Inference{}, vision.ErrNoInference
	}
	return f.inference(), nil
}

func (f *fake) PictureInferences(_ context.Context, id string) ([]vision.Inference, error) {
	if id == "p2" {
		return nil, nil
	}
	older := f.inference()
	older.ID, older.PipelineName = "i0", "Swin"
	return []vision.Inference{f.inference(), older}, nil
}

func (f *fake) Inference(_ context.Context, id string) (vision.Inference, error) {
	inference := f.inference()
	inference.ID = id
	return inference, nil
}

func (f *fake) PipelineInferences(_ context.Context, id, after string, _ int) ([]vision.Inference, error) {
	if id != "1" || after != "" {
		return nil, nil
	}
	return []vision.Inference{f.inference()}, nil
}

func (f *fake) BoxCounts(context.Context, []vision.Inference) (map[string]vision.BoxCount, error) {
	return map[string]vision.BoxCount{"i1": {Boxes: 3, Reviewed: 2}}, nil
}

func (f *fake) Judgements(context.Context, string) ([]vision.Judgement, error) {
	return []vision.Judgement{
		{BoxID: "b3", Action: "reject", Who: "<grace>@lab.example", At: now},
		{BoxID: "b2", Action: "confirm", Who: "ada@lab.example", Undone: true, At: now},
	}, nil
}

func (f *fake) PipelineHealth(context.Context) ([]vision.ModelHealth, error) {
	f.note("health")
	return []vision.ModelHealth{{
		Pipeline: "Granary", Model: "granary-detector", CheckedAt: now,
		Health: engine.Health{State: engine.Unready, Reason: engine.Refused, Detail: "status 503"},
	}}, nil
}

func (f *fake) TryPipeline(_ context.Context, name string, data []byte) (*pipeline.Result, error) {
	f.note("try", name)
	f.uploaded = append(f.uploaded, data)
	return &pipeline.Result{Boxes: []pipeline.Box{{Pixels: pipeline.Rect{TopX: 5, TopY: 6, BottomX: 25, BottomY: 36}, Label: "Avena <fatua>", Score: .5}}}, f.refuse
}

func (f *fake) DeletePicture(_ context.Context, id string) error {
	f.note("delete picture", id)
	if id == "theirs" {
		return vision.ErrNotOwner
	}
	return f.refuse
}

func (f *fake) Confirm(_ context.Context, id string, boxes []string) (vision.Inference, error) {
	f.note("confirm", id, strings.Join(boxes, ","))
	return f.inference(), f.refuse
}

func (f *fake) Correct(_ context.Context, id string, cs []vision.Correction) (vision.Inference, error) {
	for _, c := range cs {
		text, err := json.Marshal(c)
		if err != nil {
			f.t.Error(err)
		}
		f.note("correct", id, string(text))
	}
	return f.inference(), f.refuse
}

func (f *fake) rect(verb, id, what string, r vision.Rect) (vision.Inference, error) {
	text, err := json.Marshal(r)
	if err != nil {
		f.t.Error(err)
	}
	f.note(verb, id, what, string(text))
	return f.inference(), f.refuse
}

func (f *fake) MoveBox(_ context.Context, id, box string, r vision.Rect) (vision.Inference, error) {
	return f.rect("move", id, box, r)
}

func (f *fake) DrawBox(_ context.Context, id, name string, r vision.Rect) (vision.Inference, error) {
	return f.rect("draw", id, name, r)
}

func (f *fake) ReopenBox(_ context.Context, id, box string) (vision.Inference, error) {
	f.note("reopen", id, box)
	return f.inference(), f.refuse
}

func (f *fake) Undo(_ context.Context, id string) (vision.Inference, error) {
	f.note("undo", id)
	return f.inference(), f.refuse
}

func (f *fake) Seeds(context.Context) ([]vision.Seed, error) {
	return []vision.Seed{{ID: "s1", Name: "Brassica napus", CreatedAt: now}, {ID: "s2", Name: "Lolium temulentum", CreatedAt: now}}, nil
}

func (f *fake) ImportSeeds(_ context.Context, names []string) (int, error) {
	f.note("seeds", strings.Join(names, "|"))
	return len(names), f.refuse
}

func (f *fake) Pipelines(context.Context) ([]vision.Pipeline, error) {
	return []vision.Pipeline{
		{ID: "1", Name: "Granary", Default: true, UpdatedAt: now, Definition: pipeline.Definition{
			Models: []pipeline.Model{{Name: "granary-detector", Engine: "builtin", Endpoint: "https://canary.example", APIKey: "canary"}},
			Steps:  []pipeline.Step{{Kind: pipeline.StepDetect, Model: "granary-detector"}, {Kind: pipeline.StepPostProcess}},
		}},
		{ID: "2", Name: "Swin", UpdatedAt: now},
	}, nil
}

func (f *fake) SetDefaultPipeline(_ context.Context, name string) error {
	f.note("default", name)
	return f.refuse
}

func (f *fake) ModelVersions(context.Context) ([]vision.ModelVersion, error) {
	if f.empty {
		return nil, nil
	}
	report := builtin.Report{
		Model: "logistic", Labels: []string{"Brassica napus", "Lolium temulentum"}, Support: []int{10, 10}, Recall: []float64{1, .8},
		Confusion: [][]int{{10, 0}, {2, 8}}, MacroF1: .9,
	}
	return []vision.ModelVersion{
		{Number: 3, State: vision.VersionRejected, Accuracy: .7, Examples: 30, CreatedAt: now, Report: report},
		{Number: 2, State: vision.VersionActive, Accuracy: .9, Examples: 20, CreatedAt: now, Report: report},
		{Number: 1, State: vision.VersionRetired, Accuracy: .8, Examples: 10, CreatedAt: now, Report: report},
	}, nil
}

func (f *fake) Retrain(context.Context) (string, error) {
	f.note("retrain")
	return "j1", f.refuse
}

func (f *fake) ActivateModel(_ context.Context, n int64) error {
	f.note("activate", string(rune('0'+n)))
	return f.refuse
}

func (f *fake) RollbackModel(context.Context) (int64, error) {
	f.note("rollback")
	return 1, f.refuse
}

func (f *fake) Export(_ context.Context, format vision.ExportFormat, w io.Writer) error {
	if f.refuse != nil {
		return f.refuse
	}
	_, err := io.WriteString(w, "data in "+string(format))
	return err
}

func drawing(t *testing.T) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 400, 200))
	for i := range 200 {
		img.Set(i, i, color.RGBA{200, 160, 60, 255})
	}
	var buf bytes.Buffer
	if err := png.Encode(&buf, img); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// site is the section on a mux; errors are answered as problem documents.
func site(t *testing.T, f *fake) http.Handler {
	t.Helper()
	f.t = t
	section := pages.New(pages.Config{Service: f, Gate: raster.Gate{MaxBytes: 64 << 10}, Now: func() time.Time { return now }})
	kit, err := ui.New(ui.Config{Logger: slog.New(slog.DiscardHandler)}, section.Bundle())
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	for _, route := range section.Routes(kit, web.WriteProblem) {
		if route.Access == web.AccessUnset || route.Access == web.Public || !route.Hidden {
			t.Errorf("route %s %s has access %v and hidden %t, want signed in and true", route.Method, route.Path, route.Access, route.Hidden)
		}
		mux.Handle(route.Method+" "+route.Path, route.Handler)
	}
	return mux
}

func serve(handler http.Handler, r *http.Request, role identity.Role) *httptest.ResponseRecorder {
	r = r.WithContext(identity.With(r.Context(), identity.Principal{UserID: "u1", Email: "ada@lab.example", Role: role}))
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

func everything() vision.Rights { return vision.Rights{Review: true, Manage: true} }
