package trace

import (
	"math"
	"slices"
)

const (
	// sharp is the least turn that makes a corner rather than a bend.
	sharp = 30 * math.Pi / 180
	// gap is the angle that may lack in a circle.
	gap = 2 * math.Pi / 3
	// bend is the change of direction that costs as much as a line where the
	// course has no corner.
	bend = 7 * math.Pi / 180
	// maxBreaks bounds the places at which one course may be cut.
	maxBreaks = 1500
	// patience is how many longer spans are tried after one that nothing fits.
	patience = 2
)

// What a primitive costs, in units of one line. A misfit of one tolerance over
// a stretch of a few widths costs one more, so that a shape is described by few
// primitives unless more of them are plainly closer.
const (
	lineCost  = 1.0
	arcCost   = 1.3
	curveCost = 1.7
)

// course is a run of places to be described by primitives: the middle of a
// stroke or the rim of a solid.
type course struct {
	points []Point
	// way is the distance along the points.
	way    []float64
	closed bool
	// tolerance bounds the misfit of a primitive; trim is how much of each end
	// is left out of account, where a skeleton cuts corners; grain is the
	// stretch that counts as one observation.
	tolerance, trim, grain float64
	// breaks are the indices at which the course may be cut.
	breaks []int
	// before and after are the directions at each break.
	before, after []Point
}

// span is a primitive that describes the points from one index to another.
type span struct {
	kind     Kind
	from, to int
	line     line
	circle   circle
	sweep    float64
	bezier   bezier
	cost     float64
}

func newCourse(points []Point, closed bool, tolerance, trim, grain float64) *course {
	c := &course{points: points, closed: closed, tolerance: tolerance, trim: trim, grain: grain}
	if closed {
		c.rotate()
		c.points = append(slices.Clip(c.points), c.points[0])
	}
	c.way = make([]float64, len(c.points))
	for i := 1; i < len(c.points); i++ {
		c.way[i] = c.way[i-1] + c.points[i].distance(c.points[i-1])
	}
	return c
}

// length is the whole way.
func (c *course) length() float64 { return c.way[len(c.way)-1] }

// rotate makes a closed course begin at its sharpest corner, so that no
// primitive has to go across the beginning.
func (c *course) rotate() {
	n := len(c.points)
	arm := min(int(2*c.trim+c.grain/2)+2, n/4)
	if arm < 1 {
		return
	}
	best, sharpest := 0, -1.0
	for i, p := range c.points {
		a, b := c.points[(i+n-arm)%n], c.points[(i+arm)%n]
		if turn := math.Abs(p.sub(a).angleTo(b.sub(p))); turn > sharpest {
			best, sharpest = i, turn
		}
	}
	c.points = slices.Concat(c.points[best:], c.points[:best])
}

// cut describes the course by the cheapest sequence of primitives between
// candidate breaks: the shortest path from the first break to the last.
func (c *course) cut() []span {
	if s, ok := c.ring(); ok {
		return []span{s}
	}
	c.find()
	n := len(c.breaks)
	best := make([]span, n)
	total := make([]float64, n)
	for j := 1; j < n; j++ {
		total[j] = math.Inf(1)
	}
	consider := func(i, j int) bool {
		s, fits := c.describe(i, j)
		if fits || j == i+1 {
			if sum := total[i] + s.cost; sum < total[j] {
				total[j], best[j] = sum, s
				best[j].from, best[j].to = i, j
			}
		}
		return fits
	}
	for i := range n - 1 {
		if i == 0 && n > 2 {
			consider(0, n-1)
		}
		failures := 0
		for j := i + 1; j < n && failures <= patience; j++ {
			if !consider(i, j) {
				failures++
			} else {
				failures = 0
			}
		}
	}
	var spans []span
	for j := n - 1; j > 0; j = best[j].from {
		s := best[j]
		spans = append(spans, s)
	}
	slices.Reverse(spans)
	for k := range spans {
		spans[k] = c.settle(spans[k])
	}
	if c.closed && len(spans) == 1 && spans[0].kind == Arc && math.Abs(spans[0].sweep) > 2*math.Pi-gap {
		spans[0].kind = Circle
	}
	return spans
}

// ring reports whether a closed course is one circle.
func (c *course) ring() (span, bool) {
	if !c.closed {
		return span{}, false
	}
	ring, ok := fitCircle(c.points)
	if !ok {
		return span{}, false
	}
	var m misfit
	m.of(c.points, ring.distance)
	sweep, _ := ring.sweep(c.points)
	if m.worst > 1.3*c.tolerance || m.rms > 0.4*c.tolerance || math.Abs(sweep) < 2*math.Pi-0.1 || len(c.points) < 9 {
		return span{}, false
	}
	return span{kind: Circle, circle: ring}, true
}

// within returns the points between two breaks, less what is trimmed of the
// ends, and no more than limit of them.
func (c *course) within(i, j, limit int) []Point {
	from, to := c.breaks[i], c.breaks[j]
	way := c.way[to] - c.way[from]
	if trim := min(c.trim, way/5); trim > 0 {
		first, last := c.way[from]+trim, c.way[to]-trim
		for from+1 < to && c.way[from] < first {
			from++
		}
		for to-1 > from && c.way[to] > last {
			to--
		}
	}
	count := to - from + 1
	if count <= limit {
		return c.points[from : to+1]
	}
	out := make([]Point, limit)
	for k := range out {
		out[k] = c.points[from+k*(count-1)/(limit-1)]
	}
	return out
}

// describe finds the cheapest primitive between two breaks and reports
// whether it keeps to the tolerance. A line is returned when nothing does.
func (c *course) describe(i, j int) (span, bool) {
	points := c.within(i, j, 40)
	way := c.way[c.breaks[j]] - c.way[c.breaks[i]]
	stretches := min(max(way/c.grain, 1), 16)
	price := func(base float64, m misfit, leave, arrive Point) float64 {
		ratio := m.rms / c.tolerance
		return base + stretches*ratio*ratio + c.kink(i, c.after[i], leave) + c.kink(j, c.before[j], arrive)
	}
	var m misfit
	straight := fitLine(points)
	m.of(points, straight.distance)
	s := span{kind: Line, line: straight, cost: price(lineCost, m, straight.direction, straight.direction)}
	fits := m.worst <= c.tolerance
	if !fits {
		s.cost += 4
	}
	if s.cost < arcCost || len(points) < 5 {
		return s, fits
	}
	if ring, sweep, m, ok := c.arc(points); ok {
		leave, arrive := ring.tangents(c.points[c.breaks[i]], c.points[c.breaks[j]], sweep)
		if cost := price(arcCost, m, leave, arrive); !fits || cost < s.cost {
			s, fits = span{kind: Arc, circle: ring, sweep: sweep, cost: cost}, true
		}
	}
	if fits && s.cost < curveCost {
		return s, true
	}
	if curve, m, ok := c.curve(i, j, 24); ok {
		if cost := price(curveCost, m, c.after[i], c.before[j]); !fits || cost < s.cost {
			s, fits = span{kind: Curve, bezier: curve, cost: cost}, true
		}
	}
	return s, fits
}

// kink is the price of a primitive that does not follow the course's
// direction at a break which is a bend, not a corner.
func (c *course) kink(i int, course, primitive Point) float64 {
	last := len(c.breaks) - 1
	if (i == 0 || i == last) && !c.closed || c.before[i] != c.after[i] {
		return 0
	}
	ratio := course.angleTo(primitive) / bend
	return min(ratio*ratio, 2)
}

// arc fits a circular arc and reports whether it may stand for the points.
func (c *course) arc(points []Point) (circle, float64, misfit, bool) {
	var m misfit
	ring, ok := fitCircle(points)
	if !ok || ring.radius < 0.5 {
		return ring, 0, m, false
	}
	m.of(points, ring.distance)
	sweep, forward := ring.sweep(points)
	return ring, sweep, m, forward && m.worst <= c.tolerance && math.Abs(sweep) < 2*math.Pi
}

// curve fits one cubic between two breaks.
func (c *course) curve(i, j, limit int) (bezier, misfit, bool) {
	from, to := c.breaks[i], c.breaks[j]
	inner := c.within(i, j, limit)
	points := make([]Point, 0, len(inner)+2)
	points = append(points, c.points[from])
	points = append(points, inner...)
	points = append(points, c.points[to])
	b, m := fitBezier(points, c.after[i], c.before[j])
	return b, m, m.worst <= c.tolerance
}

// settle fits the chosen primitive again to all its points.
func (c *course) settle(s span) span {
	points := c.within(s.from, s.to, math.MaxInt)
	switch s.kind {
	case Line:
		s.line = fitLine(points)
	case Arc:
		if ring, sweep, _, ok := c.arc(points); ok {
			s.circle, s.sweep = ring, sweep
		}
	default:
		if curve, _, ok := c.curve(s.from, s.to, 120); ok {
			s.bezier = curve
		}
	}
	return s
}
