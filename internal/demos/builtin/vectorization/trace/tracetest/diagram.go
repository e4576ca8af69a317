package tracetest

import (
	"math"
	"math/rand/v2"
)

// Point is a place in pixels.
type Point struct{ X, Y float64 }

func (p Point) add(q Point) Point        { return Point{p.X + q.X, p.Y + q.Y} }
func (p Point) sub(q Point) Point        { return Point{p.X - q.X, p.Y - q.Y} }
func (p Point) scale(f float64) Point    { return Point{p.X * f, p.Y * f} }
func (p Point) polar(r, a float64) Point { return Point{p.X + r*math.Cos(a), p.Y + r*math.Sin(a)} }

// Distance returns how far q is from p.
func (p Point) Distance(q Point) float64 { return math.Hypot(q.X-p.X, q.Y-p.Y) }

// Kind is what an element is.
type Kind string

// The kinds of elements.
const (
	Line    Kind = "line"
	Circle  Kind = "circle"
	Arc     Kind = "arc"
	Polygon Kind = "polygon"
	Curve   Kind = "curve"
	Dashes  Kind = "dashes"
	Disc    Kind = "disc"  // a filled circle
	Solid   Kind = "solid" // a filled polygon
)

// Element is one thing drawn.
type Element struct {
	Kind Kind
	// Points are the ends of a line, the corners of a polygon, the four
	// points of each cubic of a curve (sharing ends).
	Points []Point
	// Center, Radius, From and Sweep (radians) describe circles and arcs.
	Center      Point
	Radius      float64
	From, Sweep float64
	// Width is the stroke width in pixels, 0 for what is filled.
	Width float64
}

// Diagram is a drawing in black on white.
type Diagram struct {
	W, H     int
	Round    bool // ends and corners are round
	Elements []Element
}

// Random draws a diagram of w×h pixels as they stand in mathematical
// treatises: circles, chords, arcs, polygons with diagonals, curves, dashed
// lines and some filled parts. width is the stroke width. The same arguments
// give the same diagram.
func Random(seed uint64, w, h int, width float64) Diagram {
	rng := rand.New(rand.NewPCG(seed, 0x6472617773))
	d := Diagram{W: w, H: h, Round: seed%2 == 0}
	s := &sketch{rng: rng, d: &d, width: width, margin: 6 * width}
	cells := 3
	cw, ch := float64(w)/float64(cells), float64(h)/float64(cells)
	scenes := []func(Point, float64){s.circles, s.chords, s.polygon, s.diagonals, s.arcs, s.curves, s.dashes, s.filled, s.ellipse}
	rng.Shuffle(len(scenes), func(i, j int) { scenes[i], scenes[j] = scenes[j], scenes[i] })
	for i, scene := range scenes {
		centre := Point{(float64(i%cells) + 0.5) * cw, (float64(i/cells) + 0.5) * ch}
		scene(centre, 0.5*min(cw, ch)-s.margin/2)
	}
	return d
}

// sketch adds scenes to a diagram, each inside a circle.
type sketch struct {
	rng    *rand.Rand
	d      *Diagram
	width  float64
	margin float64
}

func (s *sketch) between(a, b float64) float64 { return a + (b-a)*s.rng.Float64() }

func (s *sketch) put(e Element) {
	if e.Width == 0 && e.Kind != Disc && e.Kind != Solid {
		e.Width = s.width
	}
	s.d.Elements = append(s.d.Elements, e)
}

func (s *sketch) line(a, b Point) { s.put(Element{Kind: Line, Points: []Point{a, b}}) }

// circles are two that cross and one alone inside.
func (s *sketch) circles(c Point, r float64) {
	r1 := r * s.between(0.55, 0.65)
	a := s.between(0, 2*math.Pi)
	s.put(Element{Kind: Circle, Center: c.polar(r-r1, a), Radius: r1})
	s.put(Element{Kind: Circle, Center: c.polar(r-r1, a+math.Pi), Radius: r1 * s.between(0.8, 1)})
	s.put(Element{Kind: Circle, Center: c, Radius: r * 0.12})
}

// chords are a circle with a diameter and chords across it.
func (s *sketch) chords(c Point, r float64) {
	s.put(Element{Kind: Circle, Center: c, Radius: r * 0.9})
	a := s.between(0, math.Pi)
	s.line(c.polar(r, a), c.polar(r, a+math.Pi))
	for k := range 3 {
		b := a + 0.6 + 0.7*float64(k)
		s.line(c.polar(r*0.9, b), c.polar(r*0.9, b+s.between(1.4, 2.2)))
	}
}

func (s *sketch) corners(c Point, r float64, n int) []Point {
	a := s.between(0, 2*math.Pi)
	points := make([]Point, n)
	for k := range points {
		points[k] = c.polar(r*s.between(0.75, 1), a+2*math.Pi*(float64(k)+s.between(-0.15, 0.15))/float64(n))
	}
	return points
}

func (s *sketch) polygon(c Point, r float64) {
	s.put(Element{Kind: Polygon, Points: s.corners(c, r, 5+s.rng.IntN(3))})
	s.put(Element{Kind: Polygon, Points: s.corners(c, r*0.5, 3)})
}

// diagonals are a polygon with lines between its corners.
func (s *sketch) diagonals(c Point, r float64) {
	p := s.corners(c, r, 5)
	s.put(Element{Kind: Polygon, Points: p})
	s.line(p[0], p[2])
	s.line(p[1], p[3])
	s.line(p[1], p[4])
}

// arcs are arcs of several lengths about one centre, in turn.
func (s *sketch) arcs(c Point, r float64) {
	for k := range 4 {
		s.put(Element{
			Kind: Arc, Center: c, Radius: r * (0.3 + 0.22*float64(k)),
			From: s.between(0, 2*math.Pi), Sweep: s.between(0.8, 5),
		})
	}
}

// curves are waves of cubic curves that join smoothly.
func (s *sketch) curves(c Point, r float64) {
	for k := range 3 {
		y := c.Y + r*(float64(k)-1)*0.6
		x0, step := c.X-r*0.9, r*0.9
		up := r * s.between(0.15, 0.3)
		s.put(Element{Kind: Curve, Points: []Point{
			{x0, y},
			{x0 + step*0.4, y - up},
			{x0 + step*0.6, y - up},
			{x0 + step, y},
			{x0 + step*1.4, y + up},
			{x0 + step*1.7, y + up*0.6},
			{x0 + 2*step, y},
		}})
	}
}

// dashes are broken lines.
func (s *sketch) dashes(c Point, r float64) {
	a := s.between(0, math.Pi)
	for k := range 3 {
		off := c.polar(r*0.5*(float64(k)-1), a+math.Pi/2)
		s.put(Element{Kind: Dashes, Points: []Point{off.polar(r*0.8, a+math.Pi), off.polar(r*0.8, a)}})
	}
}

// filled are a disc, a filled polygon, and a dot at the end of a line.
func (s *sketch) filled(c Point, r float64) {
	s.put(Element{Kind: Disc, Center: c.polar(r*0.5, 1), Radius: r * 0.3})
	s.put(Element{Kind: Solid, Points: s.corners(c.polar(r*0.5, 1+math.Pi), r*0.45, 4)})
	a, b := c.polar(r*0.9, 2.6), c.polar(r*0.9, -0.5)
	s.line(a, b)
	s.put(Element{Kind: Disc, Center: b, Radius: 4 * s.width})
}

// ellipse is one closed smooth curve.
func (s *sketch) ellipse(c Point, r float64) {
	const k = 0.5523 // the usual four cubics
	a, b := r*0.95, r*s.between(0.45, 0.65)
	turn := s.between(0, math.Pi)
	unit := []Point{
		{1, 0}, {1, k}, {k, 1}, {0, 1}, {-k, 1}, {-1, k}, {-1, 0}, {-1, -k}, {-k, -1}, {0, -1}, {k, -1}, {1, -k}, {1, 0},
	}
	points := make([]Point, len(unit))
	for i, u := range unit {
		x, y := u.X*a, u.Y*b
		points[i] = c.add(Point{x*math.Cos(turn) - y*math.Sin(turn), x*math.Sin(turn) + y*math.Cos(turn)})
	}
	s.put(Element{Kind: Curve, Points: points})
}
