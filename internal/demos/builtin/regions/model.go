package regions

import (
	"context"
	"image"
	"maps"
	"slices"
	"strings"

	"granary/internal/demos/builtin/regions/layout"
	"granary/internal/demos/builtin/watermarks"
	"granary/internal/demos/plane"
	"granary/internal/platform/fault"
)

// Class is what a box shows, where a model tells kinds apart.
type Class struct {
	ID    int    `json:"id"`
	Label string `json:"label"`
}

// found is one thing on a picture, in its pixels.
type found struct {
	box        image.Rectangle
	confidence float64
	class      *Class
}

// model finds one kind of thing.
type model struct {
	// threshold is the confidence below which a box is dropped.
	threshold float64
	find      func(context.Context, plane.Gray) ([]found, error)
}

// defaultModel is the one that a task without a model uses.
const defaultModel = "illustration_extraction"

// models are the built-in ones by stem. Their thresholds are those of the
// trained models that they stand in for.
func models() map[string]model {
	return map[string]model{
		defaultModel:                      {0.25, figures(func(layout.Figure) bool { return true })},
		"diagram_extraction":              {0.25, figures(func(f layout.Figure) bool { return f.Drawing })},
		"line_extraction":                 {0.3, lines},
		"character_line_extraction":       {0.3, characters},
		"fasterrcnn_watermark_extraction": {0.4, marks},
	}
}

// findModel returns the model of a name, which may have a file extension, and
// its stem.
func findModel(name string) (string, model, error) {
	stem, _, _ := strings.Cut(name, ".")
	if stem == "" {
		stem = defaultModel
	}
	known := models()
	if m, ok := known[stem]; ok {
		return stem, m, nil
	}
	return "", model{}, fault.New(fault.Invalid, "there is no model %.100q here: choose one of %s", stem,
		strings.Join(slices.Sorted(maps.Keys(known)), ", "))
}

// figures finds the figures that wanted picks.
func figures(wanted func(layout.Figure) bool) func(context.Context, plane.Gray) ([]found, error) {
	return func(ctx context.Context, g plane.Gray) ([]found, error) {
		page, err := layout.Analyse(ctx, g)
		var out []found
		for _, f := range page.Figures {
			if wanted(f) {
				out = append(out, found{box: f.Rectangle, confidence: f.Confidence})
			}
		}
		return out, err
	}
}

func lines(ctx context.Context, g plane.Gray) ([]found, error) {
	page, err := layout.Analyse(ctx, g)
	var out []found
	for _, l := range page.Lines {
		out = append(out, found{box: l.Rectangle, confidence: l.Confidence})
	}
	return out, err
}

// characters finds the lines and what stands in them.
func characters(ctx context.Context, g plane.Gray) ([]found, error) {
	page, err := layout.Analyse(ctx, g)
	var out []found
	character, line := &Class{ID: 0, Label: "character"}, &Class{ID: 1, Label: "line"}
	for _, l := range page.Lines {
		out = append(out, found{l.Rectangle, l.Confidence, line})
		for _, c := range l.Characters {
			out = append(out, found{c.Rectangle, c.Confidence, character})
		}
	}
	return out, err
}

// marks finds watermarks of at least a hundredth of the sheet.
func marks(ctx context.Context, g plane.Gray) ([]found, error) {
	var out []found
	for _, b := range watermarks.Detect(g) {
		box := image.Rect(int(b.X0*float64(g.W)), int(b.Y0*float64(g.H)), int(b.X1*float64(g.W)), int(b.Y1*float64(g.H)))
		if 100*box.Dx()*box.Dy() >= g.W*g.H {
			out = append(out, found{box: box, confidence: b.Score})
		}
	}
	return out, ctx.Err()
}
