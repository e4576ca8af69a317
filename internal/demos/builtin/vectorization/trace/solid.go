package trace

import (
	"image"
	"math"
	"slices"
)

// halfWidth estimates half the usual stroke width in pixels: the median
// depth along the ridges of the ink. Of a picture that is mostly solids it
// says no more than a sixtieth of the shorter side.
func halfWidth(depth []uint16, w, h int) float64 {
	var histogram [4096]int
	total := 0
	for y := range h {
		for x := range w {
			if v := depth[y*w+x]; v > 0 && ridge(depth, w, h, x, y) {
				histogram[min(v, 4095)]++
				total++
			}
		}
	}
	seen, at := 0, 0
	for v, n := range histogram {
		if seen += n; 2*seen > total {
			at = v
			break
		}
	}
	return min(max(float64(at)/unit-0.25, 0.75), max(float64(min(w, h))/60, 1))
}

// solids marks the ink that is no stroke: what remains of it when all that is
// thinner than a few strokes is taken away (an opening by a disc), with the
// corners that this rounds off, but without thick strokes of even width.
func solids(mask []bool, depth []uint16, w, h int, typical float64) []bool {
	radius := 2.5*typical + 1.5
	limit := uint16(unit * (radius + 0.5))
	core := make([]bool, w*h)
	found := false
	for i, v := range depth {
		if v > limit {
			core[i], found = true, true
		}
	}
	solid := make([]bool, w*h)
	if !found {
		return solid
	}
	near := distances(core, w, h, false, false)
	for i := range solid {
		solid[i] = mask[i] && near[i] <= limit
	}
	parts := connect(solid, w, h, true, true)
	even := parts.even(depth, w, h)
	parts.paint(solid, w, false, func(label int32) bool { return even[label] })

	rest := make([]bool, w*h)
	for i := range rest {
		rest[i] = mask[i] && !solid[i]
	}
	leftovers := connect(rest, w, h, true, true)
	belongs := leftovers.leftover(solid, w, h, radius, typical)
	leftovers.paint(solid, w, true, func(label int32) bool { return belongs[label] })
	return solid
}

// even tells which components are thick strokes: long, and of one width.
func (c *components) even(depth []uint16, w, h int) []bool {
	ridges := make([][]uint16, len(c.area))
	for _, r := range c.runs {
		for x := r.x0; x < r.x1; x++ {
			if ridge(depth, w, h, int(x), int(r.y)) {
				ridges[r.label] = append(ridges[r.label], depth[int(r.y)*w+int(x)])
			}
		}
	}
	out := make([]bool, len(c.area))
	for i, depths := range ridges {
		if len(depths) == 0 {
			continue
		}
		slices.Sort(depths)
		deepest := float64(depths[len(depths)-1])
		across := 2 * deepest / unit
		out[i] = float64(c.area[i]) > 5*across*across && float64(depths[len(depths)/2]) > 0.75*deepest
	}
	return out
}

// leftover tells which components are corners that the opening cut off a
// solid: they touch it and are short or taper from a broad base.
func (c *components) leftover(solid []bool, w, h int, radius, typical float64) []bool {
	boxes := make([]image.Rectangle, len(c.area))
	touches := make([]bool, len(c.area))
	for _, r := range c.runs {
		boxes[r.label] = boxes[r.label].Union(image.Rect(int(r.x0), int(r.y), int(r.x1), int(r.y)+1))
		for x := int(r.x0); x < int(r.x1) && !touches[r.label]; x++ {
			i := int(r.y)*w + x
			touches[r.label] = x > 0 && solid[i-1] || x+1 < w && solid[i+1] || r.y > 0 && solid[i-w] || int(r.y)+1 < h && solid[i+w]
		}
	}
	out := make([]bool, len(c.area))
	for i, area := range c.area {
		reach := math.Hypot(float64(boxes[i].Dx()), float64(boxes[i].Dy()))
		out[i] = touches[i] && (reach < 2*radius || float64(area) > 3.5*typical*reach)
	}
	return out
}

// rims follows the borders of the mask and returns them by component: the
// places where the coverage falls below half, between the pixel centres.
// Solids have their ink on the right.
func rims(mask []bool, n *ink) map[int32][][]Point {
	parts := connect(mask, n.w, n.h, true, false)
	label := parts.labels(n.w, n.h)
	in := func(x, y int) bool { return x >= 0 && y >= 0 && x < n.w && y < n.h && mask[y*n.w+x] }
	seen := make([]bool, len(mask))
	out := map[int32][][]Point{}
	for y := range n.h {
		for x := range n.w {
			if i := y*n.w + x; mask[i] && !seen[i] && !in(x, y-1) {
				out[label[i]] = append(out[label[i]], n.follow(in, seen, x, y))
			}
		}
	}
	return out
}

// follow walks once around along the cracks between pixels, from the upper
// edge of x, y, and marks the upper edges that it passes.
func (n *ink) follow(in func(x, y int) bool, seen []bool, x, y int) []Point {
	steps := [4][2]int{{1, 0}, {0, 1}, {-1, 0}, {0, -1}} // east, south, west, north
	var points []Point
	vx, vy, d := x, y, 0 // the corner of the grid where the next crack begins
	for {
		// The pixels beside the crack: ink on the right, paper on the left.
		ix, iy, ox, oy := vx, vy, vx, vy
		switch d {
		case 0:
			oy--
			if seen[vy*n.w+vx] {
				return points
			}
			seen[vy*n.w+vx] = true
		case 1:
			ix--
		case 2:
			ix, iy, ox = ix-1, iy-1, ox-1
		default:
			iy, ox, oy = iy-1, ox-1, oy-1
		}
		points = append(points, n.crossing(ix, iy, ox, oy))
		vx, vy = vx+steps[d][0], vy+steps[d][1]
		// Of the two pixels ahead, where the one on the right is paper the
		// border turns right: parts that touch at a corner are apart.
		rx, ry := vx, vy
		lx, ly := vx, vy
		switch d {
		case 0:
			ly--
		case 1:
			rx--
		case 2:
			rx, ry, lx = rx-1, ry-1, lx-1
		default:
			ry, lx, ly = ry-1, lx-1, ly-1
		}
		if !in(rx, ry) {
			d = (d + 1) % 4
		} else if in(lx, ly) {
			d = (d + 3) % 4
		}
	}
}

// crossing returns where between two neighbouring pixel centres, the first of
// ink, the coverage is half.
func (n *ink) crossing(ix, iy, ox, oy int) Point {
	a := Point{float64(ix) + 0.5, float64(iy) + 0.5}
	b := Point{float64(ox) + 0.5, float64(oy) + 0.5}
	f := 0.5
	if ox >= 0 && oy >= 0 && ox < n.w && oy < n.h {
		inside, outside := float64(n.cover[iy*n.w+ix]), float64(n.cover[oy*n.w+ox])
		if inside > half && outside < half {
			f = (inside - half + 0.5) / (inside - outside)
		}
	}
	return a.add(b.sub(a).scale(min(max(f, 0), 1)))
}
