package trace

import "math"

// Point is a place in pixels: x to the right, y down, the centre of the
// first pixel at 0.5, 0.5.
type Point struct{ X, Y float64 }

func (p Point) add(q Point) Point           { return Point{p.X + q.X, p.Y + q.Y} }
func (p Point) sub(q Point) Point           { return Point{p.X - q.X, p.Y - q.Y} }
func (p Point) scale(f float64) Point       { return Point{p.X * f, p.Y * f} }
func (p Point) dot(q Point) float64         { return p.X*q.X + p.Y*q.Y }
func (p Point) cross(q Point) float64       { return p.X*q.Y - p.Y*q.X }
func (p Point) length() float64             { return math.Sqrt(p.X*p.X + p.Y*p.Y) }
func (p Point) distance(q Point) float64    { return p.sub(q).length() }
func (p Point) left() Point                 { return Point{p.Y, -p.X} }
func (p Point) towards(q Point) Point       { return q.sub(p).unit() }
func (p Point) angleTo(q Point) float64     { return math.Atan2(p.cross(q), p.dot(q)) }
func (p Point) mid(q Point) Point           { return Point{(p.X + q.X) / 2, (p.Y + q.Y) / 2} }
func (p Point) polar(r, a float64) Point    { return Point{p.X + r*math.Cos(a), p.Y + r*math.Sin(a)} }
func (p Point) angleOf(q Point) float64     { return math.Atan2(q.Y-p.Y, q.X-p.X) }
func (p Point) scaled(fx, fy float64) Point { return Point{p.X * fx, p.Y * fy} }

// unit returns p at length one, or zero for no direction at all.
func (p Point) unit() Point {
	l := p.length()
	if l < 1e-12 {
		return Point{}
	}
	return p.scale(1 / l)
}

// Kind is what a segment is.
type Kind int

// The kinds of segments. A Circle is a whole outline by itself.
const (
	Line Kind = iota
	Arc
	Curve
	Circle
)

// Segment leads from the end of the one before it to To.
type Segment struct {
	Kind Kind
	To   Point
	// C1 and C2 are the control points of a Curve (a cubic Bézier).
	C1, C2 Point
	// Center and Radius are those of an Arc or a Circle.
	Center Point
	Radius float64
	// Sweep is the signed angle of an Arc in radians, positive clockwise as
	// seen (y points down).
	Sweep float64
}

// Outline is a connected run of segments.
type Outline struct {
	Start    Point
	Segments []Segment
	// Closed says that the last segment ends where the first began.
	Closed bool
}

// Shape is one element of a drawing.
type Shape struct {
	// Outlines is one outline for a stroke; for a fill, the outer one and the
	// holes, filled by the even-odd rule.
	Outlines []Outline
	// Width is the stroke's width in pixels; 0 for a fill.
	Width float64
}

// Drawing is a traced picture.
type Drawing struct {
	// Width and Height are those of the picture in pixels.
	Width, Height int
	// Shapes holds the strokes, then the fills.
	Shapes []Shape
	// Round says that most free ends of strokes are round rather than flat.
	Round bool
	// Dropped counts the components of ink that were left out because the
	// drawing had reached MaxSegments.
	Dropped int
}

// Segments counts the primitives of d.
func (d Drawing) Segments() int {
	n := 0
	for _, s := range d.Shapes {
		n += s.segments()
	}
	return n
}

func (s Shape) segments() int {
	n := 0
	for _, o := range s.Outlines {
		n += len(o.Segments)
	}
	return n
}

// stretch scales the drawing to a picture of w×h pixels of nearly the same
// proportions.
func (d *Drawing) stretch(w, h int) {
	fx, fy := float64(w)/float64(d.Width), float64(h)/float64(d.Height)
	f := math.Sqrt(fx * fy)
	d.Width, d.Height = w, h
	for i := range d.Shapes {
		s := &d.Shapes[i]
		s.Width *= f
		for j := range s.Outlines {
			o := &s.Outlines[j]
			o.Start = o.Start.scaled(fx, fy)
			for k := range o.Segments {
				g := &o.Segments[k]
				g.To, g.C1, g.C2, g.Center = g.To.scaled(fx, fy), g.C1.scaled(fx, fy), g.C2.scaled(fx, fy), g.Center.scaled(fx, fy)
				g.Radius *= f
			}
		}
	}
}
