package trace

import "math"

// joints joins the primitives of a course to one outline. Where two meet, the
// joint is moved to where they cross, or come nearest to each other; start and
// end, when given, are where the outer ones are to end.
func (c *course) joints(spans []span, start, end *Point) Outline {
	if spans[0].kind == Circle {
		ring := spans[0].circle
		at := ring.center.add(Point{ring.radius, 0})
		return Outline{Start: at, Closed: true, Segments: []Segment{{Kind: Circle, To: at, Center: ring.center, Radius: ring.radius}}}
	}
	n := len(spans)
	places := make([]Point, n+1)
	for k := range n + 1 {
		switch {
		case k > 0 && k < n:
			places[k] = c.meet(&spans[k-1], &spans[k], c.points[c.breaks[spans[k].from]])
		case c.closed && n > 1:
			places[k] = c.meet(&spans[n-1], &spans[0], c.points[0])
		case k == 0:
			places[k] = spans[0].project(c.points[0])
			if start != nil {
				places[k] = *start
			}
		default:
			places[k] = spans[n-1].project(c.points[len(c.points)-1])
			if end != nil {
				places[k] = *end
			}
		}
	}
	o := Outline{Start: places[0], Closed: c.closed}
	for k := range spans {
		o.Segments = append(o.Segments, spans[k].segment(places[k], places[k+1]))
	}
	return o
}

// Of a rim shorter than small pixels, and of that of a solid thinner than
// slight, only the corners are told: curves would have room to cross the other
// side.
const (
	small  = 30
	slight = 2.5
)

// thickness is the mean width of a solid: its area over half its rims.
func thickness(rims [][]Point) float64 {
	area, way := 0.0, 0.0
	for _, rim := range rims {
		for i, p := range rim {
			q := rim[(i+1)%len(rim)]
			area += p.cross(q) / 2
			way += p.distance(q) / 2
		}
	}
	return math.Abs(area) / max(way, 1)
}

// contour describes a rim of a solid of that thickness.
func contour(rim []Point, across float64) Outline {
	c := newCourse(rim, true, min(0.15+0.2*across, 0.75), min(0.4*across, 1.5), 8)
	if ring, ok := c.ring(); ok {
		return c.joints([]span{ring}, nil, nil)
	}
	if c.length() >= small && across >= slight {
		if spans := c.cut(); len(spans) > 2 || len(spans) == 2 && (spans[0].kind != Line || spans[1].kind != Line) {
			return c.joints(spans, nil, nil)
		}
	}
	corners := simplify(c.points, min(0.2*across, 0.5))
	o := Outline{Start: c.points[0], Closed: true}
	for _, i := range corners[1:] {
		o.Segments = append(o.Segments, Segment{Kind: Line, To: c.points[i]})
	}
	return o
}

// project returns the place of the primitive nearest to p; a curve's ends
// move freely.
func (s *span) project(p Point) Point {
	switch s.kind {
	case Line:
		return s.line.project(p)
	case Arc, Circle:
		return s.circle.project(p)
	default:
		return p
	}
}

// meet returns where two neighbours meet near at. Projecting on each in turn
// ends where they cross, or between the places where they are nearest.
func (c *course) meet(a, b *span, at Point) Point {
	p := at
	var previous Point
	for range 40 {
		previous = p
		p = b.project(a.project(p))
		if p.distance(previous) < 0.01 {
			break
		}
	}
	p = p.mid(a.project(p))
	if p.distance(at) > 4*c.trim+4*c.tolerance {
		return at
	}
	return p
}

// segment makes the drawing's segment of a span that goes from one place to
// another.
func (s *span) segment(from, to Point) Segment {
	switch s.kind {
	case Arc:
		return s.arc(from, to)
	case Curve:
		b := s.bezier
		return Segment{Kind: Curve, To: to, C1: b[1].add(from.sub(b[0])), C2: b[2].add(to.sub(b[3]))}
	default:
		return Segment{Kind: Line, To: to}
	}
}

// arc bends the circle so that it goes through both ends and keeps its
// height between them.
func (s *span) arc(from, to Point) Segment {
	center := s.circle.center
	first := center.angleOf(from)
	sweep := math.Remainder(center.angleOf(to)-first, 2*math.Pi)
	// The same turn as the places made, which may be more than half.
	for sweep < s.sweep-math.Pi {
		sweep += 2 * math.Pi
	}
	for sweep > s.sweep+math.Pi {
		sweep -= 2 * math.Pi
	}
	middle := center.polar(s.circle.radius, first+sweep/2)
	ring, ok := through(from, middle, to)
	if !ok || ring.radius > 1e5 {
		return Segment{Kind: Line, To: to}
	}
	a, b := from.sub(ring.center), middle.sub(ring.center)
	turn := a.angleTo(b)
	if turn*sweep < 0 {
		turn += math.Copysign(2*math.Pi, sweep)
	}
	if math.Abs(2*turn-sweep) > 1 || math.Abs(turn) > math.Pi {
		return Segment{Kind: Line, To: to}
	}
	return Segment{Kind: Arc, To: to, Center: ring.center, Radius: ring.radius, Sweep: 2 * turn}
}
