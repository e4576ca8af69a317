package segment

import "slices"

const (
	// leastArea is the fewest pixels of the reduced picture that make an object.
	leastArea = 24
	// shadowShare and edgeShare are the parts of an object's own contrast that
	// a pixel must have to belong to it. A shadow's pixel needs more: its
	// object is nearly always at least twice as far from the ground.
	shadowShare, edgeShare = 0.5, 0.3
	// holeShare is the largest hole, as a part of the region around it, that is
	// an object's pale middle and not ground seen through a ring of objects.
	holeShare = 0.5
)

// find returns the mask of objects: above the threshold, shadows taken off,
// holes filled, hair and single pixels opened away. gaps marks the filled
// pixels that are plain ground, as seen between objects that touch in a ring.
func (c *contrast) find() (mask, gaps []bool) {
	mask = make([]bool, len(c.d))
	for i, d := range c.d {
		mask[i] = d > c.threshold
	}
	regions, runs := connect(mask, c.w, c.h, true, true)
	for k, pixels := range byRegion(regions, runs, c.w) {
		if regions[k].area < leastArea {
			for _, i := range pixels {
				mask[i] = false
			}
			continue
		}
		c.peel(mask, pixels)
	}
	gaps = c.fillHoles(mask)
	open(mask, c.w, c.h)
	return mask, gaps
}

// peel takes the pixels off a region that are too close to the ground for its
// contrast: shadows, blurred edges.
func (c *contrast) peel(mask []bool, pixels []int32) {
	strength := c.strength(pixels)
	for _, i := range pixels {
		need := edgeShare * strength
		if c.dark[i] {
			need = shadowShare * strength
		}
		if c.d[i] < need {
			mask[i] = false
		}
	}
}

// strength is the contrast that an object has over most of its area: the
// upper third's limit, which a shadow does not pull down and a highlight not up.
func (c *contrast) strength(pixels []int32) float32 {
	var histogram [bins]int
	for _, i := range pixels {
		histogram[min(int(c.d[i]*scale), bins-1)]++
	}
	left := len(pixels) / 3
	for i := bins - 1; i >= 0; i-- {
		if left -= histogram[i]; left < 0 {
			return (float32(i) + 0.5) / scale
		}
	}
	return 0
}

// fillHoles fills enclosed ground that is small beside what encloses it, and
// marks which of it is as bare as the ground outside.
func (c *contrast) fillHoles(mask []bool) (gaps []bool) {
	w, h := c.w, c.h
	gaps = make([]bool, len(mask))
	holes, holeRuns := connect(mask, w, h, false, false)
	enclosed := func(hole region) bool { return hole.minX > 0 && hole.minY > 0 && hole.maxX < w && hole.maxY < h }
	if !slices.ContainsFunc(holes, enclosed) {
		return gaps
	}
	regions, runs := connect(mask, w, h, true, true)
	labels := make([]int32, len(mask))
	paint(labels, w, runs)
	fill := make([]bool, len(holes))
	sum := make([]float32, len(holes))
	for k := range holes {
		hole := &holes[k]
		if !enclosed(*hole) {
			continue
		}
		// The pixel left of a hole's first one belongs to what encloses it.
		around := regions[labels[hole.first-1]-1]
		fill[k] = float64(hole.area) < holeShare*float64(around.area)
	}
	each := func(visit func(k int32, i int)) {
		for _, r := range holeRuns {
			if fill[r.parent] {
				for i := int(r.y)*w + int(r.from); i < int(r.y)*w+int(r.to); i++ {
					visit(r.parent, i)
				}
			}
		}
	}
	each(func(k int32, i int) { sum[k] += c.d[i] })
	each(func(k int32, i int) {
		mask[i] = true
		gaps[i] = holes[k].area >= leastArea/2 && sum[k] < c.threshold/2*float32(holes[k].area)
	})
	return gaps
}

// open erodes and dilates with a 3 × 3 square: what is thinner than three
// pixels goes. Outside the picture counts as set, so that an object cut by the
// border keeps its edge.
func open(mask []bool, w, h int) {
	if w < 3 || h < 3 {
		return
	}
	b := pack(mask, w, h)
	eroded := b.square(^uint64(0), func(a, b, c uint64) uint64 { return a & b & c })
	eroded.square(0, func(a, b, c uint64) uint64 { return a | b | c }).unpack(mask)
}
