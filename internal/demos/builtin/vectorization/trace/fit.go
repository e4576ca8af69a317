package trace

import "math"

// misfit is how far places lie from a fitted primitive, in pixels.
type misfit struct{ rms, worst float64 }

func (m *misfit) of(points []Point, distance func(Point) float64) {
	sum := 0.0
	for _, p := range points {
		d := distance(p)
		sum += d * d
		m.worst = max(m.worst, math.Abs(d))
	}
	m.rms = math.Sqrt(sum / float64(max(len(points), 1)))
}

// line is a straight line through a point.
type line struct{ at, direction Point }

// fitLine returns the line of least squared distances (total least squares),
// in the direction in which the places run.
func fitLine(points []Point) line {
	centre := centroid(points)
	var xx, xy, yy float64
	for _, p := range points {
		d := p.sub(centre)
		xx += d.X * d.X
		xy += d.X * d.Y
		yy += d.Y * d.Y
	}
	angle := math.Atan2(2*xy, xx-yy) / 2
	l := line{centre, Point{math.Cos(angle), math.Sin(angle)}}
	if points[len(points)-1].sub(points[0]).dot(l.direction) < 0 {
		l.direction = l.direction.scale(-1)
	}
	return l
}

func (l line) distance(p Point) float64 { return l.direction.cross(p.sub(l.at)) }

func (l line) project(p Point) Point {
	return l.at.add(l.direction.scale(p.sub(l.at).dot(l.direction)))
}

func centroid(points []Point) Point {
	var sum Point
	for _, p := range points {
		sum = sum.add(p)
	}
	return sum.scale(1 / float64(max(len(points), 1)))
}

// circle is a circle with a positive radius.
type circle struct {
	center Point
	radius float64
}

// fitCircle returns the circle of G. Taubin's algebraic fit (1991), whose
// bias on short arcs is small, by Newton's method as N. Chernov describes it
// (Circular and Linear Regression, 2010, section 5.10).
func fitCircle(points []Point) (circle, bool) {
	if len(points) < 4 {
		return circle{}, false
	}
	centre := centroid(points)
	var mxx, myy, mxy, mxz, myz, mzz float64
	for _, p := range points {
		d := p.sub(centre)
		z := d.dot(d)
		mxx += d.X * d.X
		myy += d.Y * d.Y
		mxy += d.X * d.Y
		mxz += d.X * z
		myz += d.Y * z
		mzz += z * z
	}
	f := 1 / float64(len(points))
	mxx, myy, mxy, mxz, myz, mzz = mxx*f, myy*f, mxy*f, mxz*f, myz*f, mzz*f
	mz := mxx + myy
	cov := mxx*myy - mxy*mxy
	variance := mzz - mz*mz
	a3 := 4 * mz
	a2 := -3*mz*mz - mzz
	a1 := variance*mz + 4*cov*mz - mxz*mxz - myz*myz
	a0 := mxz*(mxz*myy-myz*mxy) + myz*(myz*mxx-mxz*mxy) - variance*cov
	x, y := 0.0, a0
	for range 30 {
		slope := a1 + x*(2*a2+x*3*a3)
		next := x - y/slope
		if next == x || math.IsNaN(next) || math.IsInf(next, 0) {
			break
		}
		value := a0 + next*(a1+next*(a2+next*a3))
		if math.Abs(value) >= math.Abs(y) {
			break
		}
		x, y = next, value
	}
	det := x*x - x*mz + cov
	if math.Abs(det) < 1e-12 {
		return circle{}, false
	}
	offset := Point{(mxz*(myy-x) - myz*mxy) / det / 2, (myz*(mxx-x) - mxz*mxy) / det / 2}
	c := circle{centre.add(offset), math.Sqrt(offset.dot(offset) + mz)}
	return c, !math.IsNaN(c.radius) && c.radius < 1e5
}

func (c circle) distance(p Point) float64 { return c.center.distance(p) - c.radius }

func (c circle) project(p Point) Point {
	direction := c.center.towards(p)
	if direction == (Point{}) {
		direction = Point{1, 0}
	}
	return c.center.add(direction.scale(c.radius))
}

// sweep returns the signed angle that the places run through around the
// centre. It is false when they turn back.
func (c circle) sweep(points []Point) (float64, bool) {
	total, back := 0.0, 0.0
	for i := 1; i < len(points); i++ {
		step := points[i-1].sub(c.center).angleTo(points[i].sub(c.center))
		total += step
		back += math.Abs(step)
	}
	return total, back-math.Abs(total) < 0.1*back+0.02
}

// tangents returns the directions in which an arc of that sweep leaves one
// place and arrives at another.
func (c circle) tangents(from, to Point, sweep float64) (leave, arrive Point) {
	leave, arrive = c.center.towards(from).left(), c.center.towards(to).left()
	if sweep > 0 {
		leave, arrive = leave.scale(-1), arrive.scale(-1)
	}
	return leave, arrive
}

// through returns the circle through three places.
func through(a, b, c Point) (circle, bool) {
	u, v := b.sub(a), c.sub(a)
	det := 2 * u.cross(v)
	if math.Abs(det) < 1e-9 {
		return circle{}, false
	}
	uu, vv := u.dot(u), v.dot(v)
	offset := Point{(v.Y*uu - u.Y*vv) / det, (u.X*vv - v.X*uu) / det}
	return circle{a.add(offset), offset.length()}, true
}

// bezier is a cubic Bézier curve.
type bezier [4]Point

func (b *bezier) at(t float64) Point {
	s := 1 - t
	return b[0].scale(s * s * s).add(b[1].scale(3 * s * s * t)).add(b[2].scale(3 * s * t * t)).add(b[3].scale(t * t * t))
}

// fitBezier returns the cubic that leaves the first place along from and
// arrives at the last along to, both pointing forwards, and its misfit: P. J.
// Schneider, An Algorithm for Automatically Fitting Digitized Curves (Graphics
// Gems, 1990), with his reparametrisation by Newton's method.
func fitBezier(points []Point, from, to Point) (bezier, misfit) {
	n := len(points)
	b := bezier{points[0], {}, {}, points[n-1]}
	at := make([]float64, n)
	for i := 1; i < n; i++ {
		at[i] = at[i-1] + points[i].distance(points[i-1])
	}
	way := at[n-1]
	for i := range at {
		at[i] /= max(way, 1e-9)
	}
	for round := range 5 {
		b.solve(points, at, from, to, way)
		if round < 4 {
			for i, p := range points {
				at[i] = b.nearer(p, at[i])
			}
		}
	}
	var m misfit
	for i, p := range points {
		d := b.at(at[i]).distance(p)
		m.rms += d * d
		m.worst = max(m.worst, d)
	}
	m.rms = math.Sqrt(m.rms / float64(n))
	return b, m
}

// solve finds the lengths of the two arms by least squares.
func (b *bezier) solve(points []Point, at []float64, from, to Point, way float64) {
	var c00, c01, c11, x0, x1 float64
	back := to.scale(-1)
	for i, p := range points {
		t := at[i]
		s := 1 - t
		a0, a1 := from.scale(3*s*s*t), back.scale(3*s*t*t)
		rest := p.sub(b[0].scale(s*s*s + 3*s*s*t)).sub(b[3].scale(3*s*t*t + t*t*t))
		c00 += a0.dot(a0)
		c01 += a0.dot(a1)
		c11 += a1.dot(a1)
		x0 += a0.dot(rest)
		x1 += a1.dot(rest)
	}
	det := c00*c11 - c01*c01
	left, right := way/3, way/3
	if math.Abs(det) > 1e-12*c00*c11 {
		left, right = (x0*c11-x1*c01)/det, (c00*x1-c01*x0)/det
	}
	// Arms that point backwards or overshoot make loops.
	chord := b[0].distance(b[3])
	if least := 0.02 * way; left < least || right < least || left > way || right > way {
		left, right = chord/3, chord/3
	}
	b[1], b[2] = b[0].add(from.scale(left)), b[3].add(back.scale(right))
}

// nearer improves the parameter of the place on the curve nearest to p.
func (b *bezier) nearer(p Point, t float64) float64 {
	s := 1 - t
	d := b.at(t).sub(p)
	v := b[1].sub(b[0]).scale(3 * s * s).add(b[2].sub(b[1]).scale(6 * s * t)).add(b[3].sub(b[2]).scale(3 * t * t))
	a := b[2].sub(b[1].scale(2)).add(b[0]).scale(6 * s).add(b[3].sub(b[2].scale(2)).add(b[1]).scale(6 * t))
	slope := v.dot(v) + d.dot(a)
	if math.Abs(slope) < 1e-9 {
		return t
	}
	return min(max(t-d.dot(v)/slope, 0), 1)
}
