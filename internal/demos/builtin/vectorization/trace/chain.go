package trace

import (
	"cmp"
	"math"
	"slices"
)

const (
	// straight is the largest turn at a junction through which a stroke is
	// taken to go on.
	straight = 30 * math.Pi / 180
	// corner is the largest turn within one stroke.
	corner = 160 * math.Pi / 180
	// bridge is the longest way, in stroke widths, that two strokes which
	// cross at a sharp angle may share.
	bridge = 8
)

// chain is a stroke as it was drawn: edges joined across junctions.
type chain struct {
	points []Point
	width  float64
	wobble float64
	closed bool
	// from and to are the nodes at its ends, -1 for a closed chain.
	from, to  int
	component int32
}

// tip is one end of an edge: 2·edge, plus one for the end at its node to.
type tip int

func (t tip) edge() int  { return int(t) / 2 }
func (t tip) other() tip { return t ^ 1 }

// join links the edges at each junction that continue each other and returns
// the chains that result.
func (g *graph) join() []chain {
	g.mergeShared()
	for i := range g.nodes {
		g.trimCorner(i)
	}
	partner := make([]tip, 2*len(g.edges))
	for i := range partner {
		partner[i] = -1
	}
	bent := make([]bool, len(partner))
	for i := range g.nodes {
		if tips := g.tips(i, partner); len(tips) > 1 {
			g.centre(i, tips)
			g.pair(tips, partner, g.nodes[i].at, straight)
		}
	}
	for i := range g.edges {
		g.pairAcross(i, partner)
	}
	// Where nothing goes on, the two that turn least make a corner.
	for i, n := range g.nodes {
		if tips := g.tips(i, partner); len(tips) > 1 && len(tips) == len(g.tips(i, nil)) {
			g.pair(tips, partner, n.at, corner)
			for _, t := range tips {
				bent[t] = partner[t] >= 0
			}
		}
	}
	return g.chains(partner, bent)
}

// mergeShared makes one junction of two with hardly any way between them, and
// of two between which strokes lie on each other: there the ink is wider than
// they are, and its middle is that of none of them.
func (g *graph) mergeShared() {
	for i := range g.edges {
		e := &g.edges[i]
		if e.gone || e.from < 0 || e.from == e.to || len(g.nodes[e.from].edges) < 3 || len(g.nodes[e.to].edges) < 3 {
			continue
		}
		width, n := 0.0, 0
		for _, end := range [2]int{e.from, e.to} {
			for _, j := range g.nodes[end].edges {
				if j != i && g.edges[j].width > 0 {
					width += g.edges[j].width
					n++
				}
			}
		}
		width /= float64(max(n, 1))
		if length := e.length(); n > 0 && (length < bridge*width && e.width > 1.2*width || length < bridge/2*width && !e.clear) {
			radius := length / 2
			from := e.from
			g.contract(i)
			g.nodes[from].radius += radius
		}
	}
	// Of a tiny triangle between three strokes, one side is left as a loop.
	for i := range g.edges {
		if e := &g.edges[i]; !e.gone && e.from >= 0 && e.from == e.to && !e.clear {
			g.drop(i)
		}
	}
}

// centre moves a junction to where the strokes that arrive there meet: the
// place of least squared distances from their lines.
func (g *graph) centre(i int, tips []tip) {
	n := &g.nodes[i]
	// A little weight for where the skeleton has it decides for strokes that
	// are nearly parallel.
	const faith = 0.02
	xx, xy, yy := faith, 0.0, faith
	right := n.at.scale(faith)
	for _, t := range tips {
		h := g.heading(t, n.at)
		d := h.direction
		a, b, c := 1-d.X*d.X, -d.X*d.Y, 1-d.Y*d.Y
		xx, xy, yy = xx+a, xy+b, yy+c
		right = right.add(Point{a*h.at.X + b*h.at.Y, b*h.at.X + c*h.at.Y})
	}
	det := xx*yy - xy*xy
	at := Point{(right.X*yy - right.Y*xy) / det, (right.Y*xx - right.X*xy) / det}
	if at.distance(n.at) < 2*n.radius+2 {
		n.at = at
	}
}

// trimCorner drops the short line that thinning leaves at a sharp corner: it
// reaches no farther than the corner's own tip would.
func (g *graph) trimCorner(i int) {
	n := &g.nodes[i]
	if len(n.edges) != 3 {
		return
	}
	for _, index := range n.edges {
		e := &g.edges[index]
		if e.from == e.to || len(e.samples) == 0 {
			continue
		}
		other := e.from + e.to - i
		if len(g.nodes[other].edges) != 1 {
			continue
		}
		tips := g.tips(i, nil)
		tips = slices.DeleteFunc(tips, func(t tip) bool { return t.edge() == index })
		if len(tips) != 2 {
			return
		}
		a, b := g.heading(tips[0], n.at), g.heading(tips[1], n.at)
		opening := math.Abs(a.direction.angleTo(b.direction))
		along := a.direction.add(b.direction).unit().dot(n.at.towards(g.nodes[other].at))
		tipAt := (a.width + b.width) / 4 / math.Sin(max(opening/2, 0.12))
		if opening < corner && along > 0.7 && e.length() < 1.5*tipAt+n.radius+2 {
			g.drop(index)
		}
		return
	}
}

// tips lists the tips at a junction that have no partner yet; all of them
// when partner is nil.
func (g *graph) tips(i int, partner []tip) []tip {
	var out []tip
	for _, index := range g.nodes[i].edges {
		for side := range tip(2) {
			t := tip(2*index) + side
			if g.nodeOf(t) == i && (partner == nil || partner[t] < 0) && !slices.Contains(out, t) && len(g.edges[index].samples) > 0 {
				out = append(out, t)
			}
		}
	}
	return out
}

func (g *graph) nodeOf(t tip) int {
	if t&1 == 0 {
		return g.edges[t.edge()].from
	}
	return g.edges[t.edge()].to
}

// pairAcross links tips at the two ends of edge i, which two strokes share
// where they cross at a sharp angle: one took the edge, the other goes on
// beside it.
func (g *graph) pairAcross(i int, partner []tip) {
	e := &g.edges[i]
	if e.gone || e.from < 0 || e.from == e.to || e.length() > bridge*e.width {
		return
	}
	tips := append(g.tips(e.from, partner), g.tips(e.to, partner)...)
	tips = slices.DeleteFunc(tips, func(t tip) bool { return t.edge() == i })
	if len(tips) > 1 {
		g.pair(tips, partner, g.nodes[e.from].at.mid(g.nodes[e.to].at), straight)
	}
}

// pair links the tips that continue each other best, best first, as long as
// they turn less than limit; of corners only one.
func (g *graph) pair(tips []tip, partner []tip, at Point, limit float64) {
	type match struct {
		a, b tip
		cost float64
	}
	var matches []match
	headings := make([]heading, len(tips))
	for i, t := range tips {
		headings[i] = g.heading(t, at)
	}
	for i, a := range headings {
		for j := i + 1; j < len(tips); j++ {
			if cost, ok := a.meets(headings[j], limit); ok {
				matches = append(matches, match{tips[i], tips[j], cost})
			}
		}
	}
	slices.SortFunc(matches, func(a, b match) int { return cmp.Compare(a.cost, b.cost) })
	for _, m := range matches {
		if partner[m.a] < 0 && partner[m.b] < 0 {
			partner[m.a], partner[m.b] = m.b, m.a
			if limit > straight {
				break
			}
		}
	}
}

// chains follows the links from edge to edge.
func (g *graph) chains(partner []tip, bent []bool) []chain {
	var out []chain
	used := make([]bool, len(g.edges))
	for i := range g.edges {
		e := &g.edges[i]
		if e.gone || used[i] || len(e.samples) == 0 {
			continue
		}
		// Go back to where the stroke begins, or once around.
		start := tip(2 * i)
		for partner[start] >= 0 {
			start = partner[start].other()
			if start.edge() == i {
				break
			}
		}
		out = append(out, g.collect(start, partner, bent, used))
	}
	return out
}

// collect makes the chain that begins with the edge of tip start.
func (g *graph) collect(start tip, partner []tip, bent, used []bool) chain {
	first := &g.edges[start.edge()]
	c := chain{from: g.nodeOf(start), component: first.component, closed: first.from < 0}
	total := 0.0
	for t := start; ; {
		e := &g.edges[t.edge()]
		used[t.edge()] = true
		for k := range e.samples {
			if t&1 == 1 {
				k = len(e.samples) - 1 - k
			}
			c.points = append(c.points, e.samples[k].Point)
		}
		weight := float64(len(e.samples))
		c.width += weight * e.width
		c.wobble += weight * e.wobble
		total += weight
		c.to = g.nodeOf(t.other())
		next := partner[t.other()]
		if next < 0 {
			break
		}
		if bent[t.other()] {
			// The corner itself lies in the junction, clear of all samples.
			c.points = append(c.points, g.nodes[c.to].at)
		}
		if used[next.edge()] {
			c.closed = true
			break
		}
		t = next
	}
	c.width /= total
	c.wobble /= total
	if c.closed {
		c.from, c.to = -1, -1
	}
	return c
}
