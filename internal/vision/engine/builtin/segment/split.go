package segment

import "slices"

const (
	// unit is one pixel's length in chamfer distances (Borgefors 1986, the
	// 5-7-11 mask, within 2 % of the Euclidean distance).
	unit = 5
	// neckShare is the widest neck, as a part of the slimmer partner's width,
	// at which two touching objects are parted.
	neckShare = 0.75
	// leastDent is how much of its convex hull a region must leave empty to be
	// considered as several objects at all.
	leastDent = 0.06
	// leastPart is the smallest part, as a share of the region, that is split
	// off; less is dust or a spine.
	leastPart = 0.04
	// mostDissolved bounds the work on a region that falls into crumbs; what is
	// left small after that is dropped as specks later.
	mostDissolved = 32
)

// depth is the chamfer distance of each set pixel from the nearest clear one.
// The picture's border counts as clear, and so do gaps.
func depth(mask, gaps []bool, w, h int) []int32 {
	// A frame of two clear pixels spares the bounds checks by hand.
	fw := w + 4
	d := make([]int32, fw*(h+4))
	const far = 1 << 30
	for y := range h {
		for x, set := range mask[y*w : y*w+w] {
			if set && !gaps[y*w+x] {
				d[(y+2)*fw+x+2] = far
			}
		}
	}
	for y := 2; y < h+2; y++ {
		for x := 2; x < w+2; x++ {
			i := y*fw + x
			if d[i] == 0 {
				continue
			}
			d[i] = min(d[i],
				min(d[i-1], d[i-fw])+5, min(d[i-fw-1], d[i-fw+1])+7,
				min(d[i-2*fw-1], d[i-2*fw+1], d[i-fw-2], d[i-fw+2])+11)
		}
	}
	out := make([]int32, w*h)
	for y := h + 1; y >= 2; y-- {
		for x := w + 1; x >= 2; x-- {
			i := y*fw + x
			if d[i] == 0 {
				continue
			}
			d[i] = min(d[i],
				min(d[i+1], d[i+fw])+5, min(d[i+fw+1], d[i+fw-1])+7,
				min(d[i+2*fw+1], d[i+2*fw-1], d[i+fw+2], d[i+fw-2])+11)
			out[(y-2)*w+x-2] = d[i]
		}
	}
	return out
}

// basin is the catchment of one maximum of the depth.
type basin struct {
	parent int32
	peak   int32
	area   int32
}

// splitter parts touching objects by flooding the depth from its maxima
// downwards (Vincent & Soille 1991). Where two basins meet, the depth there is
// half the neck's width: a neck nearly as wide as the slimmer partner is part
// of one object and the basins become one, which is h-maxima filtering with an
// h in proportion to the object.
type splitter struct {
	w      int
	depth  []int32
	label  []int32 // basin + 1
	basins []basin
}

// split writes one label per object into labels and returns how many there
// are. labels holds the regions of mask on entry; gaps are pixels of mask that
// touching objects enclose.
func split(mask, gaps []bool, labels []int32, regions []region, w, h int) int {
	s := &splitter{w: w, depth: depth(mask, gaps, w, h), label: make([]int32, len(mask))}
	lists := byLabel(labels, len(regions))
	next := int32(0)
	number := make(map[int32]int32)
	for k, pixels := range lists {
		r := &regions[k]
		if r.area < 2*leastArea || float64(r.area) > (1-leastDent)*hullArea(pixels, w) {
			next++
			for _, i := range pixels {
				labels[i] = next
			}
			continue
		}
		s.flood(pixels, h)
		clear(number)
		for _, i := range pixels {
			root := s.find(s.label[i] - 1)
			if _, known := number[root]; !known {
				next++
				number[root] = next
			}
			labels[i] = number[root]
		}
		if len(number) > 1 {
			for _, i := range pixels {
				if gaps[i] {
					labels[i] = 0
				}
			}
		}
	}
	return int(next)
}

func (s *splitter) find(i int32) int32 {
	for s.basins[i].parent != i {
		s.basins[i].parent = s.basins[s.basins[i].parent].parent
		i = s.basins[i].parent
	}
	return i
}

func (s *splitter) flood(pixels []int32, h int) {
	s.basins = s.basins[:0]
	w := s.w
	for _, i := range s.descending(pixels) {
		x, y := int(i)%w, int(i)/w
		joined, deepest := int32(-1), int32(-1)
		for dy := -1; dy <= 1; dy++ {
			for dx := -1; dx <= 1; dx++ {
				if x+dx < 0 || x+dx >= w || y+dy < 0 || y+dy >= h {
					continue
				}
				at := (y+dy)*w + x + dx
				if s.label[at] == 0 {
					continue
				}
				other := s.find(s.label[at] - 1)
				if joined >= 0 && other != joined && s.merge(joined, other, s.depth[i]) {
					joined = s.find(joined)
					other = joined
				}
				// Uphill: along a rim both basins are neighbours, and only the
				// deepest neighbour tells whose rim it is.
				if s.depth[at] > deepest {
					joined, deepest = other, s.depth[at]
				}
			}
		}
		if joined < 0 {
			joined = int32(len(s.basins))
			s.basins = append(s.basins, basin{parent: joined, peak: s.depth[i]})
		}
		s.basins[joined].area++
		s.label[i] = joined + 1
	}
	s.dissolve(pixels, h)
}

// merge makes one of two basins that touch at the given depth unless the neck
// there parts them, and tells whether it did.
func (s *splitter) merge(a, b, depth int32) bool {
	if s.basins[b].peak > s.basins[a].peak {
		a, b = b, a
	}
	low := s.basins[b].peak
	if float32(depth) < neckShare*float32(low) && low-depth > 3*unit/2 {
		return false
	}
	s.basins[b].parent = a
	s.basins[a].area += s.basins[b].area
	return true
}

// dissolve gives basins that are too small for an object to the neighbour that
// they touch deepest.
func (s *splitter) dissolve(pixels []int32, h int) {
	least := max(leastArea, int32(leastPart*float64(len(pixels))))
	for range mostDissolved {
		small := int32(-1)
		for i := range s.basins {
			b := &s.basins[i]
			if b.parent == int32(i) && b.area < least && (small < 0 || b.area < s.basins[small].area) {
				small = int32(i)
			}
		}
		if small < 0 {
			return
		}
		best, bestDepth := int32(-1), int32(-1)
		for _, i := range pixels {
			if s.find(s.label[i]-1) != small || s.depth[i] <= bestDepth {
				continue
			}
			x, y := int(i)%s.w, int(i)/s.w
			for dy := max(y-1, 0); dy <= min(y+1, h-1); dy++ {
				for dx := max(x-1, 0); dx <= min(x+1, s.w-1); dx++ {
					if l := s.label[dy*s.w+dx]; l > 0 {
						if other := s.find(l - 1); other != small {
							best, bestDepth = other, s.depth[i]
						}
					}
				}
			}
		}
		if best < 0 {
			return
		}
		s.basins[small].parent = best
		s.basins[best].area += s.basins[small].area
	}
}

// descending sorts pixels by depth, deepest first, by counting.
func (s *splitter) descending(pixels []int32) []int32 {
	top := int32(0)
	for _, i := range pixels {
		top = max(top, s.depth[i])
	}
	start := make([]int32, top+2)
	for _, i := range pixels {
		start[top-s.depth[i]+1]++
	}
	for d := 1; d < len(start); d++ {
		start[d] += start[d-1]
	}
	sorted := make([]int32, len(pixels))
	for _, i := range pixels {
		at := &start[top-s.depth[i]]
		sorted[*at] = i
		*at++
	}
	return sorted
}

// hullArea is the area in pixels of the convex hull of pixels, which are in
// reading order.
func hullArea(pixels []int32, w int) float64 {
	return polygonArea(hull(extremes(pixels, w)))
}

// point is a corner of a pixel.
type point struct{ x, y int }

// extremes are the outer corners of the first and last pixel in each row: all
// that a hull needs.
func extremes(pixels []int32, w int) []point {
	var points []point
	for at := 0; at < len(pixels); {
		y := int(pixels[at]) / w
		end := at
		for end < len(pixels) && int(pixels[end])/w == y {
			end++
		}
		left, right := int(pixels[at])%w, int(pixels[end-1])%w+1
		points = append(points, point{left, y}, point{left, y + 1}, point{right, y}, point{right, y + 1})
		at = end
	}
	return points
}

// hull is Andrew's monotone chain (1979), counter-clockwise.
func hull(points []point) []point {
	if len(points) < 3 {
		return points
	}
	slices.SortFunc(points, func(a, b point) int {
		if a.x != b.x {
			return a.x - b.x
		}
		return a.y - b.y
	})
	chain := make([]point, 0, 2*len(points))
	add := func(p point, keep int) {
		for len(chain) >= keep+2 {
			a, b := chain[len(chain)-2], chain[len(chain)-1]
			if (b.x-a.x)*(p.y-a.y)-(b.y-a.y)*(p.x-a.x) > 0 {
				break
			}
			chain = chain[:len(chain)-1]
		}
		chain = append(chain, p)
	}
	for _, p := range points {
		add(p, 0)
	}
	lower := len(chain)
	for i := len(points) - 2; i >= 0; i-- {
		add(points[i], lower-1)
	}
	return chain[:len(chain)-1]
}

func polygonArea(p []point) float64 {
	sum := 0
	for i := range p {
		q := p[(i+1)%len(p)]
		sum += p[i].x*q.y - q.x*p[i].y
	}
	if sum < 0 {
		sum = -sum
	}
	return float64(sum) / 2
}
