package watermarks

import (
	"image"

	"granary/internal/demos/builtin/descriptor"
	"granary/internal/demos/plane"
)

// featureSide is the long side at which a mark is described.
const featureSide = 256

// feature returns the vector of the mark on g, which shows little else: its
// strokes alone, framed as closely as they lie, so that it does not matter how
// much paper was left around it, how bright it is or on which side the light
// was. d looks at shape alone.
func feature(d *descriptor.Describer, g plane.Gray) []float32 {
	if box := Detect(g)[0]; box.Score >= 0.5 {
		g = g.Cropped(grown(box.rect(g.W, g.H), 0.03))
	}
	out := make([]float32, descriptor.Size)
	d.Describe(findStrokes(g.Within(featureSide)).picture().Image(), out)
	return out
}

// grown returns r with that part of its sides more on each side.
func grown(r image.Rectangle, part float64) image.Rectangle {
	dx, dy := int(part*float64(r.Dx())), int(part*float64(r.Dy()))
	return image.Rect(r.Min.X-dx, r.Min.Y-dy, r.Max.X+dx, r.Max.Y+dy)
}
