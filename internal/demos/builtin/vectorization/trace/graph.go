package trace

import "slices"

// node is where skeleton lines end or meet.
type node struct {
	at Point
	// radius is how deep in the ink the node lies.
	radius float64
	// edges holds the indices of the edges, a loop twice.
	edges []int
}

// edge is a skeleton line between two nodes, or a cycle without any.
type edge struct {
	// from and to are nodes, -1 for a cycle.
	from, to int
	// path holds the pixel centres from one node to the other.
	path []Point
	// component is the part of the ink it lies in.
	component int32
	// samples are the refined places, see refine.
	samples []sample
	// width is the mean stroke width, wobble its relative mean deviation.
	width, wobble float64
	// clear tells that some samples lie outside the junctions at its ends.
	clear bool
	gone  bool
}

// graph is the skeleton as nodes and edges.
type graph struct {
	nodes []node
	edges []edge
}

// length is the way along the edge in pixels.
func (e *edge) length() float64 {
	sum := 0.0
	for i := 1; i < len(e.path); i++ {
		sum += e.path[i-1].distance(e.path[i])
	}
	return sum
}

// walker builds the graph of a skeleton.
type walker struct {
	s     *skeleton
	depth []uint16
	label []int32
	// owner is the node of a pixel plus one, 0 for none.
	owner []int32
	used  []bool
	g     *graph
}

// network reads the skeleton as a graph. depth and label are per pixel of the
// picture, without the skeleton's border.
func network(s *skeleton, depth []uint16, label []int32) *graph {
	k := &walker{s: s, depth: depth, label: label, owner: make([]int32, len(s.on)), used: make([]bool, len(s.on)), g: &graph{}}
	var pixels []int
	for i, on := range s.on {
		if on {
			pixels = append(pixels, i)
		}
	}
	around := s.around()
	degree := func(i int) int {
		n := 0
		for _, step := range around {
			if s.on[i+step] {
				n++
			}
		}
		return n
	}
	branching := make([]bool, len(s.on))
	for _, i := range pixels {
		branching[i] = degree(i) > 2
	}
	for _, i := range pixels {
		if k.owner[i] == 0 && branching[i] {
			k.cluster(i, branching)
		} else if degree(i) == 1 {
			k.end(i)
		}
	}
	for _, i := range pixels {
		if k.owner[i] == 0 {
			continue
		}
		for _, step := range around {
			if j := i + step; s.on[j] && k.owner[j] == 0 && !k.used[j] {
				k.follow(i, j)
			} else if s.on[j] && k.owner[j] != 0 && k.owner[j] > k.owner[i] {
				// An end beside a junction, or two ends.
				k.add(int(k.owner[i])-1, int(k.owner[j])-1, []int{i, j})
			}
		}
	}
	for _, i := range pixels {
		if k.owner[i] == 0 && !k.used[i] {
			k.cycle(i)
		}
	}
	return k.g
}

// place returns the pixel centre of skeleton index i.
func (k *walker) place(i int) Point {
	return Point{float64(i%k.s.w) - 0.5, float64(i/k.s.w) - 0.5}
}

func (k *walker) pixel(i int) int { return (i/k.s.w-1)*(k.s.w-2) + i%k.s.w - 1 }

// radiusAt is how deep in the ink skeleton pixel i lies.
func (k *walker) radiusAt(i int) float64 { return float64(k.depth[k.pixel(i)])/unit - 0.5 }

// cluster makes one node of the branching pixels that touch i.
func (k *walker) cluster(i int, branching []bool) {
	name := int32(len(k.g.nodes)) + 1
	k.owner[i] = name
	members := []int{i}
	var sum Point
	radius := 0.0
	for at := 0; at < len(members); at++ {
		j := members[at]
		sum = sum.add(k.place(j))
		radius = max(radius, k.radiusAt(j))
		for _, step := range k.s.around() {
			if n := j + step; branching[n] && k.owner[n] == 0 {
				k.owner[n] = name
				members = append(members, n)
			}
		}
	}
	k.g.nodes = append(k.g.nodes, node{at: sum.scale(1 / float64(len(members))), radius: radius})
}

// end makes a node of the last pixel of a line.
func (k *walker) end(i int) {
	k.owner[i] = int32(len(k.g.nodes)) + 1
	k.g.nodes = append(k.g.nodes, node{at: k.place(i), radius: k.radiusAt(i)})
}

// follow walks from node pixel i over j to the next node.
func (k *walker) follow(i, j int) {
	around := k.s.around()
	path := []int{i, j}
	k.used[j] = true
	for {
		next, last := -1, -1
		for _, step := range around {
			n := j + step
			if !k.s.on[n] || n == path[len(path)-2] {
				continue
			}
			if k.owner[n] != 0 {
				// The node that was left counts only when nothing else is near.
				if k.owner[n] != k.owner[i] || len(path) > 3 {
					last = n
				}
			} else if !k.used[n] {
				next = n
			}
		}
		if last >= 0 {
			k.add(int(k.owner[i])-1, int(k.owner[last])-1, append(path, last))
			return
		}
		if next < 0 {
			// A whisker that leads back into its own node.
			return
		}
		k.used[next] = true
		path = append(path, next)
		j = next
	}
}

// cycle walks once around a line without nodes.
func (k *walker) cycle(i int) {
	around := k.s.around()
	path := []int{i}
	k.used[i] = true
	for j := i; ; {
		next := -1
		for _, step := range around {
			if n := j + step; k.s.on[n] && !k.used[n] {
				next = n
				break
			}
		}
		if next < 0 {
			break
		}
		k.used[next] = true
		path = append(path, next)
		j = next
	}
	k.add(-1, -1, path)
}

func (k *walker) add(from, to int, pixels []int) {
	e := edge{from: from, to: to, path: make([]Point, len(pixels)), component: k.label[k.pixel(pixels[0])]}
	for n, i := range pixels {
		e.path[n] = k.place(i)
	}
	index := len(k.g.edges)
	k.g.edges = append(k.g.edges, e)
	if from >= 0 {
		k.g.nodes[from].edges = append(k.g.nodes[from].edges, index)
		k.g.nodes[to].edges = append(k.g.nodes[to].edges, index)
	}
}

// clean removes what thinning added: short spurs at junctions, and the
// bridges into which it stretches a crossing.
func (g *graph) clean() {
	for i := range g.edges {
		e := &g.edges[i]
		if e.from < 0 || e.from == e.to {
			continue
		}
		a, b := &g.nodes[e.from], &g.nodes[e.to]
		spur := (len(a.edges) == 1) != (len(b.edges) == 1)
		deep := max(a.radius, b.radius)
		if spur && e.length() < 1.5*deep+1.5 {
			g.drop(i)
		}
	}
	for i := range g.edges {
		e := &g.edges[i]
		if e.gone || e.from < 0 || e.from == e.to {
			continue
		}
		a, b := &g.nodes[e.from], &g.nodes[e.to]
		if len(a.edges) > 1 && len(b.edges) > 1 && e.length() < 1.4*max(a.radius, b.radius)+1 {
			g.contract(i)
		}
	}
	for i := range g.nodes {
		if n := &g.nodes[i]; len(n.edges) == 2 && n.edges[0] != n.edges[1] {
			g.through(i)
		}
	}
}

// drop takes an edge out of the graph.
func (g *graph) drop(i int) {
	e := &g.edges[i]
	e.gone = true
	for _, end := range [2]int{e.from, e.to} {
		n := &g.nodes[end]
		n.edges = slices.DeleteFunc(n.edges, func(j int) bool { return j == i })
	}
}

// contract makes one node of the two that edge i joins.
func (g *graph) contract(i int) {
	from, to := g.edges[i].from, g.edges[i].to
	g.drop(i)
	a, b := &g.nodes[from], &g.nodes[to]
	a.at = a.at.mid(b.at)
	a.radius = max(a.radius, b.radius)
	for _, j := range b.edges {
		e := &g.edges[j]
		if e.from == to {
			e.from = from
		}
		if e.to == to {
			e.to = from
		}
	}
	a.edges = append(a.edges, b.edges...)
	b.edges = nil
}

// through joins the two edges of a node that is no junction any more.
func (g *graph) through(i int) {
	n := &g.nodes[i]
	first, second := n.edges[0], n.edges[1]
	a, b := &g.edges[first], &g.edges[second]
	if a.to != i || a.from == i {
		a.reverse()
	}
	if b.from != i {
		b.reverse()
	}
	a.path = append(a.path, b.path...)
	a.to = b.to
	b.gone = true
	n.edges = nil
	last := &g.nodes[a.to]
	last.edges[slices.Index(last.edges, second)] = first
	if a.from == a.to && len(last.edges) == 2 {
		// The line has closed on itself without any junction.
		last.edges = nil
		a.from, a.to = -1, -1
	}
}

func (e *edge) reverse() {
	e.from, e.to = e.to, e.from
	slices.Reverse(e.path)
	slices.Reverse(e.samples)
}
