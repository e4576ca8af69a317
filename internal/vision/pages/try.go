package pages

import (
	"context"
	"encoding/base64"
	"errors"
	"html/template"
	"io"
	"net/http"

	"granary/internal/console/ui"
	"granary/internal/platform/fault"
	"granary/internal/platform/raster"
	"granary/internal/platform/web"
	"granary/internal/vision/pipeline"
)

// trialSide is the longer side of the picture that a trial shows.
const trialSide = 1200

// trialView is what a pipeline said of a picture that is stored nowhere: the
// answer carries the picture itself.
type trialView struct {
	Name          string
	Picture       template.URL
	Width, Height int
	Boxes         []trialBox
	Models        []pipeline.ModelRef
	Problem       *trialProblem
}

type trialBox struct {
	N          int
	X, Y, W, H int
	Label      string
	Score      float64
}

type trialProblem struct {
	ui.Explanation
	RequestID string
}

// try runs the pipeline over an uploaded picture and shows the boxes. A
// refusal is shown on the page, where the picture can be chosen again.
func (p *pages) try(w http.ResponseWriter, r *http.Request) error {
	found, err := p.pipelineByID(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	trial, err := p.trial(r, found.Name)
	if err == nil {
		return p.showPipeline(w, r, 0, found, trial)
	}
	if fault.Is(err, fault.Internal) || fault.Is(err, fault.Forbidden) || fault.Is(err, fault.Unauthenticated) {
		return err
	}
	status := web.ErrorHeader(w, r, err)
	e := p.kit.Explain(p.kit.Locale(r), err)
	e.Kept = p.kit.Locale(r).T("try.kept")
	return p.showPipeline(w, r, status, found, &trialView{Problem: &trialProblem{Explanation: e, RequestID: web.RequestID(r.Context())}})
}

func (p *pages) trial(r *http.Request, name string) (*trialView, error) {
	reader, err := r.MultipartReader()
	if err != nil {
		return nil, fault.New(fault.Invalid, "the form carries no file: %w", err)
	}
	for {
		part, err := reader.NextPart()
		if errors.Is(err, io.EOF) {
			return nil, fault.New(fault.Invalid, "choose a picture")
		}
		if err != nil {
			return nil, unreadable(err)
		}
		if part.FormName() != "file" || part.FileName() == "" {
			continue
		}
		data, err := io.ReadAll(io.LimitReader(part, p.maxBytes()+1))
		if err != nil {
			return nil, unreadable(err)
		}
		if int64(len(data)) > p.maxBytes() {
			return nil, fault.New(fault.TooLarge, "%s is larger than %d MiB", part.FileName(), p.maxBytes()>>20)
		}
		return p.ask(r, name, part.FileName(), data)
	}
}

func (p *pages) ask(r *http.Request, name, fileName string, data []byte) (*trialView, error) {
	result, err := p.service.TryPipeline(r.Context(), name, data)
	if err != nil {
		return nil, err
	}
	// Making the small picture takes as much memory as making a thumbnail.
	var size raster.Header
	small, err := p.thumbs.Make(r.Context(), func(context.Context) ([]byte, error) {
		picture, err := p.gate.Open(data)
		if err != nil {
			return nil, err
		}
		size = picture.Header
		return picture.Thumbnail(trialSide)
	})
	if err != nil {
		return nil, err
	}
	v := &trialView{
		Name: fileName, Width: size.Width, Height: size.Height, Models: result.Models,
		Picture: template.URL("data:image/jpeg;base64," + base64.StdEncoding.EncodeToString(small)), //nolint:gosec // G203: a JPEG made here
	}
	for i, box := range result.Boxes {
		r := box.Pixels
		v.Boxes = append(v.Boxes, trialBox{
			N: i + 1, X: r.TopX, Y: r.TopY, W: r.BottomX - r.TopX, H: r.BottomY - r.TopY, Label: box.Label, Score: box.Score,
		})
	}
	return v, nil
}
