package trace

import "math"

// stroke is a chain on its way to a shape.
type stroke struct {
	chain  chain
	course *course
	spans  []span
	// ends are where the first and the last primitive end, nil for those of a
	// closed stroke; free tells which are ends in the open.
	ends [2]*Point
	free [2]bool
}

// newStroke cuts a chain into primitives and finds its ends.
func newStroke(c chain, g *graph, n *ink) stroke {
	s := stroke{chain: c}
	s.course = newCourse(c.points, c.closed, 0.55+0.13*c.width, 0.6*c.width, 4+2*c.width)
	s.spans = s.course.cut()
	s.close(n)
	if s.chain.closed {
		return s
	}
	last := len(s.spans) - 1
	for side, end := range [2]int{c.from, c.to} {
		k, at := 0, s.course.points[0]
		if side == 1 {
			k, at = last, s.course.points[len(s.course.points)-1]
		}
		junction := &g.nodes[end]
		s.free[side] = len(junction.edges) <= 1
		place := s.spans[k].project(junction.at)
		if s.free[side] || place.distance(at) > 2*junction.radius+3*c.width+3 {
			place = s.spans[k].tip(n, at, side == 0, c.width)
		}
		s.ends[side] = &place
	}
	return s
}

// close makes a whole circle of a single arc that comes back to where it
// began, as when another stroke touches it there.
func (s *stroke) close(n *ink) {
	if len(s.spans) != 1 || s.spans[0].kind != Arc {
		return
	}
	only := &s.spans[0]
	lacking := (2*math.Pi - math.Abs(only.sweep)) * only.circle.radius
	points := s.course.points
	loop := s.chain.from == s.chain.to && lacking < gap*only.circle.radius
	if !loop && (lacking > 6*s.chain.width+6 || lacking > only.circle.radius) {
		return
	}
	from := only.circle.center.angleOf(points[len(points)-1])
	for t := 0.0; t <= 1; t += 0.05 {
		at := only.circle.center.polar(only.circle.radius, from+math.Copysign(t*lacking/only.circle.radius, only.sweep))
		if n.at(at) < half {
			return
		}
	}
	only.kind = Circle
	s.chain.closed = true
}

// length is how long the stroke is drawn.
func (s *stroke) length() float64 {
	if s.spans[0].kind == Circle {
		return 2 * math.Pi * s.spans[0].circle.radius
	}
	length := s.course.length()
	for side, at := range [2]Point{s.course.points[0], s.course.points[len(s.course.points)-1]} {
		if s.ends[side] != nil {
			length += s.ends[side].distance(at)
		}
	}
	return length
}

// tip follows a primitive outwards from its last place to the end of the ink.
func (s *span) tip(n *ink, at Point, start bool, width float64) Point {
	const step = 0.25
	at = s.project(at)
	walk := s.walk(at, start)
	reach := 1.5*width + 3
	previous := n.at(at)
	for t := step; t <= reach; t += step {
		here := n.at(walk(t))
		if here < half {
			if previous > here && previous >= half {
				t -= step * (half - here) / (previous - here)
			}
			return walk(max(t, 0))
		}
		previous = here
	}
	return walk(width / 2)
}

// walk returns the places at a distance beyond an end of the primitive.
func (s *span) walk(at Point, start bool) func(t float64) Point {
	switch s.kind {
	case Arc:
		first := s.circle.center.angleOf(at)
		turn := math.Copysign(1/s.circle.radius, s.sweep)
		if start {
			turn = -turn
		}
		return func(t float64) Point { return s.circle.center.polar(s.circle.radius, first+t*turn) }
	case Curve:
		direction := s.bezier[2].towards(s.bezier[3])
		if start {
			direction = s.bezier[1].towards(s.bezier[0])
		}
		return func(t float64) Point { return at.add(direction.scale(t)) }
	default:
		direction := s.line.direction
		if start {
			direction = direction.scale(-1)
		}
		return func(t float64) Point { return at.add(direction.scale(t)) }
	}
}

// flat looks at the corners that a flat end would have, and reports for each
// free end that can be told whether they are inked.
func (s *stroke) flat(n *ink) (flat, round int) {
	if s.chain.closed || s.chain.width < 2.5 {
		return 0, 0
	}
	for side, free := range s.free {
		if !free {
			continue
		}
		k := 0
		if side == 1 {
			k = len(s.spans) - 1
		}
		walk := s.spans[k].walk(*s.ends[side], side == 0)
		back := walk(-0.12 * s.chain.width)
		across := back.towards(walk(0)).left().scale(0.38 * s.chain.width)
		if n.at(back.add(across))+n.at(back.sub(across)) > full*0.9 {
			flat++
		} else {
			round++
		}
	}
	return flat, round
}

// shape returns the stroke's shape. Round ends reach half a width beyond the
// end of the primitive, so the primitive ends earlier.
func (s *stroke) shape(round bool) Shape {
	for side, free := range s.free {
		if free && round && !s.chain.closed {
			k := 0
			if side == 1 {
				k = len(s.spans) - 1
			}
			*s.ends[side] = s.spans[k].walk(*s.ends[side], side == 0)(-min(s.chain.width/2, s.course.length()/2))
		}
	}
	o := s.course.joints(s.spans, s.ends[0], s.ends[1])
	return Shape{Outlines: []Outline{o}, Width: s.chain.width}
}
