package trace

import (
	"math"
	"slices"
)

// sample is one place on the middle line of a stroke.
type sample struct {
	Point
	width float64
}

// refine measures each edge across the stroke: the middle of the ink, finer
// than the skeleton's pixels, and its width. Places inside a junction are
// left out, for there the ink of other strokes counts in.
func (g *graph) refine(n *ink, depth []uint16) {
	for i := range g.edges {
		e := &g.edges[i]
		if !e.gone {
			g.measure(e, n, depth)
		}
	}
}

func (g *graph) measure(e *edge, n *ink, depth []uint16) {
	smoothed := e.smoothed()
	first, last := 0, len(smoothed)
	if e.from >= 0 {
		first = g.nodes[e.from].blind(smoothed)
		backwards := slices.Clone(smoothed)
		slices.Reverse(backwards)
		last = len(smoothed) - g.nodes[e.to].blind(backwards)
	}
	e.clear = last-first >= 3
	if !e.clear {
		// Nothing clear of the junctions: the skeleton itself must do.
		first, last = 0, len(smoothed)
	}
	e.samples = make([]sample, 0, last-first)
	for k := first; k < last; k++ {
		p := smoothed[k]
		a, b := smoothed[max(k-2, 0)], smoothed[min(k+2, len(smoothed)-1)]
		if e.from < 0 {
			size := len(smoothed)
			a, b = smoothed[(k+size-2)%size], smoothed[(k+2)%size]
		}
		normal := a.towards(b).left()
		x, y := min(max(int(p.X), 0), n.w-1), min(max(int(p.Y), 0), n.h-1)
		reach := 1.5*float64(depth[y*n.w+x])/unit + 2
		offset, width := n.profile(p, normal, reach)
		e.samples = append(e.samples, sample{p.add(normal.scale(offset)), width})
	}
	e.weigh()
}

// blind counts the places of the path, which begins at the node, that lie
// inside it.
func (n *node) blind(path []Point) int {
	if len(n.edges) <= 1 {
		return 0
	}
	radius := 1.3*n.radius + 1
	k := 0
	for k < len(path) && path[k].distance(n.at) < radius {
		k++
	}
	return k
}

// smoothed evens out the steps of the pixels, keeping the ends in place.
func (e *edge) smoothed() []Point {
	path := e.path
	out := make([]Point, len(path))
	for i := range path {
		r := 3
		if e.from >= 0 {
			r = min(r, i, len(path)-1-i)
		}
		var sum Point
		weight := 0.0
		for k := -r; k <= r; k++ {
			w := float64(r + 1 - max(k, -k))
			sum = sum.add(path[(i+k+len(path))%len(path)].scale(w))
			weight += w
		}
		out[i] = sum.scale(1 / weight)
	}
	return out
}

// profile reads the coverage across a stroke at p and returns how far the
// middle of the ink lies along the normal, and the stroke's width: the distance
// of the places where the coverage is half, which blur moves least. It stops
// where the ink ends or where that of a neighbour begins.
func (n *ink) profile(p, normal Point, reach float64) (offset, width float64) {
	const step = 0.25
	centre := n.at(p)
	total, moment := centre, 0.0
	faint := 10 + n.noise
	for _, side := range [2]float64{1, -1} {
		least, previous := centre, centre
		edge := 0.0
		for t := step; t <= reach; t += step {
			c := n.at(p.add(normal.scale(side * t)))
			if c < half && previous >= half {
				edge = t - step*(half-c)/(previous-c)
			}
			if c < faint || least < half && c > least+16 {
				break
			}
			if edge == 0 && t+step > reach {
				edge = t
			}
			least, previous = min(least, c), c
			total += c
			moment += side * t * c
		}
		width += edge
	}
	if total == 0 {
		return 0, 0
	}
	return moment / total, width
}

// weigh sets the edge's width, the median over its samples, and its wobble.
func (e *edge) weigh() {
	if len(e.samples) == 0 {
		return
	}
	widths := make([]float64, len(e.samples))
	for i, s := range e.samples {
		widths[i] = s.width
	}
	slices.Sort(widths)
	// The outer quarters are where ends, corners and neighbours show.
	middle := widths[len(widths)/4 : len(widths)-len(widths)/4]
	sum := 0.0
	for _, w := range middle {
		sum += w
	}
	e.width = sum / float64(len(middle))
	deviation := 0.0
	for _, w := range widths {
		deviation += math.Abs(w - e.width)
	}
	e.wobble = deviation / float64(len(widths)) / max(e.width, 0.5)
}
