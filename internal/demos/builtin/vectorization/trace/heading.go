package trace

import "math"

// heading is how a stroke arrives at a junction.
type heading struct {
	at, direction Point
	width         float64
}

// meets reports whether b goes on where a arrives, turning less than limit,
// and how badly it fits.
func (a heading) meets(b heading, limit float64) (cost float64, ok bool) {
	turn := math.Abs(a.direction.angleTo(b.direction.scale(-1)))
	width := (a.width + b.width) / 2
	ratio := max(a.width, b.width) / max(min(a.width, b.width), 0.1)
	if turn > limit || ratio > 1.6 {
		return 0, false
	}
	if limit > straight {
		return turn, true
	}
	aside := math.Abs(b.at.sub(a.at).cross(a.direction.sub(b.direction).unit()))
	if aside > 0.8*width+0.5 {
		return 0, false
	}
	return turn/straight + aside/(0.8*width+0.5) + (ratio - 1), true
}

// heading extrapolates the stroke at a tip to the junction at, by a parabola
// through its nearest places, so that circles meet as well as lines do.
func (g *graph) heading(t tip, at Point) heading {
	e := &g.edges[t.edge()]
	places := e.samples
	get := func(i int) Point {
		if t&1 == 0 {
			return places[i].Point
		}
		return places[len(places)-1-i].Point
	}
	reach := min(max(6*e.width, 12), 40)
	// Moments of the way along the stroke against both coordinates.
	var m [5]float64
	var x, y [3]float64
	way, n := 0.0, 0
	for ; n < len(places); n++ {
		p := get(n)
		if n > 0 {
			way += p.distance(get(n - 1))
		}
		if way > reach {
			break
		}
		power := 1.0
		for k := range m {
			m[k] += power
			power *= way
		}
		power = 1
		for k := range x {
			x[k] += power * p.X
			y[k] += power * p.Y
			power *= way
		}
	}
	ahead := -get(0).distance(at)
	terms := 3
	if n < 8 {
		terms = 2
	}
	cx, okX := parabola(m, x, terms)
	cy, okY := parabola(m, y, terms)
	if !okX || !okY {
		return heading{get(0), get(min(n, len(places)) - 1).towards(get(0)), e.width}
	}
	return heading{
		at:        Point{cx[0] + ahead*(cx[1]+ahead*cx[2]), cy[0] + ahead*(cy[1]+ahead*cy[2])},
		direction: Point{-cx[1] - 2*ahead*cx[2], -cy[1] - 2*ahead*cy[2]}.unit(),
		width:     e.width,
	}
}

// parabola solves the normal equations of a polynomial with two or three
// terms: m are the moments of the argument, v those with the value.
func parabola(m [5]float64, v [3]float64, terms int) (c [3]float64, ok bool) {
	if terms == 2 {
		d := m[0]*m[2] - m[1]*m[1]
		if math.Abs(d) < 1e-9 {
			return c, false
		}
		return [3]float64{(v[0]*m[2] - v[1]*m[1]) / d, (m[0]*v[1] - m[1]*v[0]) / d}, true
	}
	a := [3][4]float64{{m[0], m[1], m[2], v[0]}, {m[1], m[2], m[3], v[1]}, {m[2], m[3], m[4], v[2]}}
	for i := range 3 {
		if math.Abs(a[i][i]) < 1e-9 {
			return c, false
		}
		for r := range 3 {
			if r != i {
				f := a[r][i] / a[i][i]
				for k := range 4 {
					a[r][k] -= f * a[i][k]
				}
			}
		}
	}
	for i := range 3 {
		c[i] = a[i][3] / a[i][i]
	}
	return c, true
}
