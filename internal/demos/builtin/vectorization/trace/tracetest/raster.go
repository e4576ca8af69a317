package tracetest

import (
	"image"
	"image/draw"
	"math"
	"slices"

	"golang.org/x/image/vector"

	"granary/internal/demos/plane"
)

// stroke is a flattened outline to be drawn.
type stroke struct {
	points []Point
	closed bool
	width  float64 // 0 for a fill
	round  bool
}

// canvas collects coverage: 0 paper, 255 ink.
type canvas struct{ ink *image.Alpha }

func newCanvas(w, h int) *canvas { return &canvas{image.NewAlpha(image.Rect(0, 0, w, h))} }

// picture returns black ink on white.
func (c *canvas) picture() plane.Gray {
	g := plane.New(c.ink.Rect.Dx(), c.ink.Rect.Dy())
	for i, v := range c.ink.Pix {
		g.Pix[i] = 255 - v
	}
	return g
}

// fill paints polygons, all of one orientation for a union or of opposite ones
// for holes.
func (c *canvas) fill(polygons [][]Point) {
	minX, minY, maxX, maxY := math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for _, polygon := range polygons {
		for _, p := range polygon {
			minX, minY, maxX, maxY = min(minX, p.X), min(minY, p.Y), max(maxX, p.X), max(maxY, p.Y)
		}
	}
	box := image.Rect(int(math.Floor(minX)), int(math.Floor(minY)), int(math.Ceil(maxX))+1, int(math.Ceil(maxY))+1).Intersect(c.ink.Rect)
	if box.Empty() {
		return
	}
	r := vector.NewRasterizer(box.Dx(), box.Dy())
	r.DrawOp = draw.Over
	for _, polygon := range polygons {
		for i, p := range polygon {
			x, y := float32(p.X-float64(box.Min.X)), float32(p.Y-float64(box.Min.Y))
			if i == 0 {
				r.MoveTo(x, y)
			} else {
				r.LineTo(x, y)
			}
		}
		r.ClosePath()
	}
	r.Draw(c.ink, box, image.Opaque, image.Point{})
}

// draw paints a stroke as a band around each of its pieces, with joins and
// caps.
func (c *canvas) draw(s stroke) {
	half := s.width / 2
	var polygons [][]Point
	points := s.points
	if s.closed && len(points) > 1 {
		points = append(append([]Point(nil), points...), points[0])
	}
	for i := 1; i < len(points); i++ {
		a, b := points[i-1], points[i]
		d := b.sub(a)
		length := math.Hypot(d.X, d.Y)
		if length < 1e-9 {
			continue
		}
		n := Point{d.Y, -d.X}.scale(half / length)
		polygons = append(polygons, []Point{a.add(n), b.add(n), b.sub(n), a.sub(n)})
	}
	dot := func(p Point) {
		const corners = 24
		polygon := make([]Point, corners)
		for k := range polygon {
			polygon[k] = p.polar(half, 2*math.Pi*float64(k)/corners)
		}
		polygons = append(polygons, polygon)
	}
	for i, p := range points {
		if len(points) < 2 {
			break
		}
		inner := i > 0 && i < len(points)-1 || s.closed
		if !inner {
			if s.round {
				dot(p)
			}
			continue
		}
		before, after := points[(i+len(points)-1)%len(points)], points[(i+1)%len(points)]
		if s.closed && i == 0 {
			before = points[len(points)-2]
		}
		if s.closed && i == len(points)-1 {
			after = points[1]
		}
		if corner := miter(before, p, after, half); corner != nil && (!s.round || slight(before, p, after)) {
			polygons = append(polygons, corner)
		} else {
			dot(p)
		}
	}
	for i, polygon := range polygons {
		polygons[i] = oriented(polygon, true)
	}
	c.fill(polygons)
}

// miter returns the outer corner between two pieces, nil beyond SVG's default
// limit of 4.
func miter(a, b, c Point, half float64) []Point {
	u, v := b.sub(a), c.sub(b)
	lu, lv := math.Hypot(u.X, u.Y), math.Hypot(v.X, v.Y)
	if lu < 1e-9 || lv < 1e-9 {
		return nil
	}
	u, v = u.scale(1/lu), v.scale(1/lv)
	cross := u.X*v.Y - u.Y*v.X
	inner := math.Sqrt(max(0, (1-(u.X*v.X+u.Y*v.Y))/2)) // the sine of half the turn
	if cosine := math.Sqrt(max(0, 1-inner*inner)); cosine < 0.25 {
		return nil
	}
	side := 1.0
	if cross > 0 {
		side = -1
	}
	n1, n2 := Point{-u.Y, u.X}.scale(side*half), Point{-v.Y, v.X}.scale(side*half)
	middle := n1.add(n2)
	length := math.Hypot(middle.X, middle.Y)
	if length < 1e-9 {
		return nil
	}
	tip := middle.scale(2 * half * half / (length * length))
	return []Point{b, b.add(n1), b.add(tip), b.add(n2)}
}

// slight reports a turn of a flattened curve rather than a corner.
func slight(a, b, c Point) bool {
	u, v := b.sub(a), c.sub(b)
	return math.Abs(math.Atan2(u.X*v.Y-u.Y*v.X, u.X*v.X+u.Y*v.Y)) < 0.3
}

func area(polygon []Point) float64 {
	sum := 0.0
	for i, p := range polygon {
		q := polygon[(i+1)%len(polygon)]
		sum += p.X*q.Y - p.Y*q.X
	}
	return sum
}

// oriented returns the polygon clockwise as seen, or the other way round.
func oriented(polygon []Point, clockwise bool) []Point {
	if (area(polygon) > 0) != clockwise {
		slices.Reverse(polygon)
	}
	return polygon
}

// flattenArc returns points on a circle, the ends included.
func flattenArc(center Point, radius, from, sweep float64) []Point {
	n := max(2, int(math.Ceil(math.Abs(sweep)*math.Sqrt(max(radius, 1))*1.5)))
	points := make([]Point, n+1)
	for k := range points {
		points[k] = center.polar(radius, from+sweep*float64(k)/float64(n))
	}
	return points
}

// flattenCubic returns points on a Bézier curve without its start.
func flattenCubic(a, b, c, d Point) []Point {
	n := max(4, int((a.Distance(b)+b.Distance(c)+c.Distance(d))/4))
	points := make([]Point, n)
	for k := range points {
		t := float64(k+1) / float64(n)
		s := 1 - t
		points[k] = a.scale(s * s * s).add(b.scale(3 * s * s * t)).add(c.scale(3 * s * t * t)).add(d.scale(t * t * t))
	}
	return points
}

// Render draws the diagram.
func (d Diagram) Render() plane.Gray {
	c := newCanvas(d.W, d.H)
	for _, e := range d.Elements {
		s := stroke{points: e.Points, width: e.Width, round: d.Round}
		switch e.Kind {
		case Circle, Disc:
			s.points, s.closed = flattenArc(e.Center, e.Radius, 0, 2*math.Pi), true
			s.points = s.points[:len(s.points)-1]
		case Arc:
			s.points = flattenArc(e.Center, e.Radius, e.From, e.Sweep)
		case Curve:
			s.points = []Point{e.Points[0]}
			for k := 0; k+3 < len(e.Points); k += 3 {
				s.points = append(s.points, flattenCubic(e.Points[k], e.Points[k+1], e.Points[k+2], e.Points[k+3])...)
			}
		case Polygon:
			s.closed = true
		case Dashes:
			for _, dash := range e.Dashes() {
				c.draw(stroke{points: dash[:], width: e.Width, round: d.Round})
			}
			continue
		case Line, Solid:
		}
		if e.Width == 0 {
			c.fill([][]Point{s.points})
		} else {
			c.draw(s)
		}
	}
	return c.picture()
}

// Dashes returns the ends of each dash of a broken line.
func (e Element) Dashes() [][2]Point {
	a, b := e.Points[0], e.Points[1]
	length := a.Distance(b)
	step := 9 * e.Width
	var out [][2]Point
	for t := 0.0; t+5*e.Width <= length; t += step {
		at := func(t float64) Point { return a.add(b.sub(a).scale(t / length)) }
		out = append(out, [2]Point{at(t), at(t + 5*e.Width)})
	}
	return out
}
