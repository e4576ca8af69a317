package pipeline

import (
	"math"

	"granary/internal/platform/fault"
	"granary/internal/vision/engine"
)

const (
	// DefaultAreaRatio is the share of both areas from which boxes overlap.
	DefaultAreaRatio = 0.5
	// margin keeps boxes this many pixels away from the edges.
	margin = 5
	// maxDimension bounds the sides that a client may claim, in pixels.
	maxDimension = 1_000_000
)

// Finding is one object as the models see it.
type Finding struct {
	Box   engine.Box
	Label string
	Score float64
	// Guesses are all candidates, best first.
	Guesses []engine.Guess
}

// Options of one run.
type Options struct {
	// Width and Height are the picture's sides as the client measured them, in
	// pixels; boxes are answered in that space.
	Width, Height float64
	// AreaRatio is the overlap threshold, 0..1. Defaults to the pipeline's own,
	// else to DefaultAreaRatio.
	AreaRatio *float64
	// ColorFormat defaults to Hex.
	ColorFormat ColorFormat
}

// Rect is a box in whole pixels.
type Rect struct {
	TopX, TopY, BottomX, BottomY int
}

func (r Rect) area() int64 { return int64(r.BottomX-r.TopX) * int64(r.BottomY-r.TopY) }

// common returns the area that both boxes share.
func (r Rect) common(o Rect) int64 {
	w := min(r.BottomX, o.BottomX) - max(r.TopX, o.TopX)
	h := min(r.BottomY, o.BottomY) - max(r.TopY, o.TopY)
	if w <= 0 || h <= 0 {
		return 0
	}
	return int64(w) * int64(h)
}

// Box is one object as a user sees it.
type Box struct {
	// Pixels is the box in the client's pixels, after clipping and overlap.
	Pixels Rect
	// Fractions is the box that the detector answered, in 0..1 of the sides.
	Fractions engine.Box
	Label     string
	Score     float64
	Guesses   []engine.Guess
	Color     Color
	// Overlapping is set on the lower-scored box of a pair that covers the same
	// object; Pixels is then the other one's.
	Overlapping bool
	// OverlappingIndices are the 1-based positions of the later boxes that this
	// one overlaps. Never nil.
	OverlappingIndices []int
}

// ModelRef names a model that took part.
type ModelRef struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Result is the outcome of one run. Boxes is never nil.
type Result struct {
	Boxes []Box
	// LabelOccurrence counts boxes per label.
	LabelOccurrence map[string]int
	// Models are those of the pipeline, in their declared order.
	Models      []ModelRef
	ColorFormat ColorFormat
}

// PostProcess turns findings into boxes by the rules of the nachet
// specification, section 4.4, step 4: clip, mark overlaps, colour, count. It
// changes nothing that it is given. Errors: fault.Invalid for options out of
// range or a coordinate that is no number.
func PostProcess(findings []Finding, opts Options) (*Result, error) {
	ratio, err := opts.validate()
	if err != nil {
		return nil, err
	}
	result := &Result{Boxes: make([]Box, len(findings)), LabelOccurrence: map[string]int{}, ColorFormat: opts.ColorFormat}
	for i, f := range findings {
		if !finite(f.Box) {
			return nil, fault.New(fault.Invalid, "box %d has coordinates that are no numbers", i+1)
		}
		result.Boxes[i] = Box{
			Pixels: Rect{
				TopX: clip(f.Box.TopX, opts.Width), TopY: clip(f.Box.TopY, opts.Height),
				BottomX: clip(f.Box.BottomX, opts.Width), BottomY: clip(f.Box.BottomY, opts.Height),
			},
			Fractions: f.Box, Label: f.Label, Score: f.Score, Guesses: f.Guesses, OverlappingIndices: []int{},
		}
	}
	markOverlaps(result.Boxes, ratio)
	colors := map[string]Color{}
	for i := range result.Boxes {
		b := &result.Boxes[i]
		if _, seen := colors[b.Label]; !seen {
			// The index of the box, not of the label, chooses the colour.
			colors[b.Label] = colorAt(i)
		}
		b.Color = colors[b.Label]
		result.LabelOccurrence[b.Label]++
	}
	return result, nil
}

func (o *Options) validate() (ratio float64, err error) {
	if o.ColorFormat, err = ParseColorFormat(string(o.ColorFormat)); err != nil {
		return 0, err
	}
	for _, side := range []float64{o.Width, o.Height} {
		if !(side > 0 && side <= maxDimension) { // false for NaN too
			return 0, fault.New(fault.Invalid, "the image dimensions must be between 0 and %d", maxDimension)
		}
	}
	ratio = DefaultAreaRatio
	if o.AreaRatio != nil {
		ratio = *o.AreaRatio
	}
	if !(ratio >= 0 && ratio <= 1) {
		return 0, fault.New(fault.Invalid, "the area ratio must be between 0 and 1")
	}
	return ratio, nil
}

func finite(b engine.Box) bool {
	for _, v := range []float64{b.TopX, b.TopY, b.BottomX, b.BottomY} {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return false
		}
	}
	return true
}

// clip scales a fraction and keeps it away from the edges. On a side below ten
// pixels the upper bound wins, as in the original; it never goes below zero.
func clip(fraction, side float64) int {
	return int(max(min(max(fraction*side, margin), side-margin), 0))
}

// markOverlaps compares every pair in order with the coordinates as earlier
// pairs left them: a box that gives way takes the place of the other one.
func markOverlaps(boxes []Box, ratio float64) {
	for i := range boxes {
		for j := i + 1; j < len(boxes); j++ {
			a, b := &boxes[i], &boxes[j]
			common := float64(a.Pixels.common(b.Pixels))
			if common == 0 || a.Score == b.Score ||
				common < ratio*float64(a.Pixels.area()) || common < ratio*float64(b.Pixels.area()) {
				continue
			}
			lower, higher := a, b
			if b.Score < a.Score {
				lower, higher = b, a
			}
			lower.Overlapping = true
			lower.Pixels = higher.Pixels
			a.OverlappingIndices = append(a.OverlappingIndices, j+1)
		}
	}
}
