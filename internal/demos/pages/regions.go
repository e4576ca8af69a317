package pages

import (
	"encoding/json"
	"path"
	"strings"

	"granary/internal/demos/dataset"
	"granary/internal/platform/fault"
)

// region is a page with what was found on it.
type region struct {
	Picture shown
	// Width and Height are the page's in pixels.
	Width, Height int
	Boxes         []box
}

// box is one thing found, in the page's pixels.
type box struct {
	N          int
	X, Y, W, H int
	Confidence float64
	Label      string
}

const (
	regionRows = 24  // pages of one part
	maxBoxes   = 400 // boxes drawn on one page
)

// regions draws the annotation files.
func (w *work) regions(v *result) error {
	var all []region
	for _, file := range w.files {
		if !strings.Contains(file.Path, "/annotations/") {
			continue
		}
		// shared/documents/TYPE/UID/annotations/NAME.json
		of := path.Dir(path.Dir(file.Path))
		pages, err := w.annotated(file.Path, path.Base(path.Dir(of)), path.Base(of))
		if err != nil {
			return err
		}
		all = append(all, pages...)
	}
	if len(all) == 0 {
		return fault.New(fault.NotFound, "the annotations are not there any more")
	}
	from, to := v.part(w.request, len(all), regionRows)
	v.Regions = all[from:to]
	return nil
}

func (w *work) annotated(name, kind, uid string) ([]region, error) {
	var list []struct {
		SourceInfo dataset.Image `json:"source_info"`
		Width      int           `json:"width"`
		Height     int           `json:"height"`
		Crops      []struct {
			Confidence float64 `json:"confidence"`
			Absolute   struct{ X1, Y1, Width, Height int }
			Class      *struct{ Label string }
		} `json:"crops"`
	}
	data, err := w.read(w.request.Context(), name)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, fault.New(fault.Invalid, "the result cannot be read: %w", err)
	}
	out := make([]region, len(list))
	for i, one := range list {
		out[i] = region{Picture: w.shown(kind, uid, one.SourceInfo), Width: one.Width, Height: one.Height}
		for n, crop := range one.Crops[:min(len(one.Crops), maxBoxes)] {
			b := crop.Absolute
			drawn := box{N: n + 1, X: b.X1, Y: b.Y1, W: b.Width, H: b.Height, Confidence: crop.Confidence}
			if crop.Class != nil {
				drawn.Label = crop.Class.Label
			}
			out[i].Boxes = append(out[i].Boxes, drawn)
		}
	}
	return out, nil
}
