package regions

import (
	"bytes"
	"encoding/json"
	"image"
	"math"

	"granary/internal/platform/fault"
)

// Postprocess is how boxes are widened before they are reported.
type Postprocess struct {
	// Squarify makes them squares of their longer side, no larger than the
	// picture's shorter one.
	Squarify bool `json:"squarify"`
	// HMargin and VMargin are the shares of a box's width and height, 0..1, that
	// are added on each side.
	HMargin float64 `json:"h_margin"`
	VMargin float64 `json:"v_margin"`
}

// maxPostprocess bounds the text of the parameter.
const maxPostprocess = 4 << 10

// ParsePostprocess reads the parameter: nothing, null or "" for boxes as they
// are, "watermarks" for squares with a margin of a twentieth, or an object,
// which may travel as text. Members that it does not know are ignored, as
// front ends send fields of theirs. Errors: fault.Invalid.
func ParsePostprocess(data json.RawMessage) (Postprocess, error) {
	data = bytes.TrimSpace(data)
	if len(data) > maxPostprocess {
		return Postprocess{}, fault.New(fault.Invalid, "postprocess is longer than %d bytes", maxPostprocess)
	}
	var text string
	if json.Unmarshal(data, &text) == nil {
		switch text = string(bytes.TrimSpace([]byte(text))); text {
		case "", "null":
			return Postprocess{}, nil
		case "watermarks":
			return Postprocess{Squarify: true, HMargin: 0.05, VMargin: 0.05}, nil
		}
		data = []byte(text)
	}
	var p Postprocess
	if len(data) == 0 {
		return p, nil
	}
	if err := json.Unmarshal(data, &p); err != nil {
		return Postprocess{}, fault.New(fault.Invalid, "postprocess is neither watermarks nor an object of squarify, h_margin and v_margin")
	}
	for _, margin := range [2]float64{p.HMargin, p.VMargin} {
		if margin < 0 || margin > 1 {
			return Postprocess{}, fault.New(fault.Invalid, "a margin of postprocess is %v, want 0 to 1", margin)
		}
	}
	return p, nil
}

// apply widens a box of a w×h picture and clips it.
func (p Postprocess) apply(box image.Rectangle, w, h int) image.Rectangle {
	x0, y0, x1, y1 := float64(box.Min.X), float64(box.Min.Y), float64(box.Max.X), float64(box.Max.Y)
	if p.Squarify {
		half := min(max(x1-x0, y1-y0), float64(w), float64(h)) / 2
		cx, cy := (x0+x1)/2, (y0+y1)/2
		x0, y0, x1, y1 = cx-half, cy-half, cx+half, cy+half
	}
	dx, dy := p.HMargin*(x1-x0), p.VMargin*(y1-y0)
	round := func(v float64) int { return int(math.Round(v)) }
	return image.Rect(round(x0-dx), round(y0-dy), round(x1+dx), round(y1+dy)).Intersect(image.Rect(0, 0, w, h))
}
