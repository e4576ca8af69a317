package segment

import (
	"math"

	"granary/internal/vision/engine/builtin/pixel"
)

// refine moves each side of an object's box to where the picture's own pixels
// cross half of the object's contrast. The reduced box is right to one of its
// pixels, so only three of them on either side are read.
type refine struct {
	src    pixel.Source
	p      *planes
	g      *ground
	c      *contrast
	labels []int32
	table  *pixel.Converter
}

// halfway is the share of an object's contrast at which its edge is drawn: a
// little outside the middle of the blur, which thin ends do not reach.
const halfway = 0.45

// box returns the refined box of o in pixels of the picture.
func (f *refine) box(o *candidate) Object {
	k := f.p.step
	need := max(halfway*o.strength, f.c.threshold)
	x0, y0 := max((o.minX-1)*k, 0), max((o.minY-1)*k, 0)
	x1, y1 := min((o.maxX+1)*k, f.src.Width), min((o.maxY+1)*k, f.src.Height)
	inward := 3 * k
	top := seek(y0, min(y0+inward, y1), func(y int) bool { return f.any(o, need, x0, x1, 1, 0, y) })
	left := seek(x0, min(x0+inward, x1), func(x int) bool { return f.any(o, need, y0, y1, 0, 1, x) })
	bottom := seek(y1-1, max(y1-1-inward, y0-1), func(y int) bool { return f.any(o, need, x0, x1, 1, 0, y) })
	right := seek(x1-1, max(x1-1-inward, x0-1), func(x int) bool { return f.any(o, need, y0, y1, 0, 1, x) })
	box := Object{MinX: float64(o.minX * k), MinY: float64(o.minY * k), MaxX: float64(min(o.maxX*k, f.src.Width)), MaxY: float64(min(o.maxY*k, f.src.Height)), Signs: o.signs, Score: o.signs.score()}
	if top >= 0 {
		box.MinY = float64(top)
	}
	if left >= 0 {
		box.MinX = float64(left)
	}
	if bottom >= 0 {
		box.MaxY = float64(bottom + 1)
	}
	if right >= 0 {
		box.MaxX = float64(right + 1)
	}
	return box
}

// seek returns the first position from start towards stop (exclusive) that
// hits, or -1.
func seek(start, stop int, hit func(int) bool) int {
	step := 1
	if stop < start {
		step = -1
	}
	for i := start; i != stop; i += step {
		if hit(i) {
			return i
		}
	}
	return -1
}

// any tells whether the line at the given row (dx = 1) or column (dy = 1) holds
// a pixel of the object that is farther from the ground than need.
func (f *refine) any(o *candidate, need float32, from, to, dx, dy, at int) bool {
	k := f.p.step
	for i := from; i < to; i++ {
		x, y := i*dx+at*dy, i*dy+at*dx
		cx, cy := x/k, y/k
		if !f.near(o.label, cx, cy) {
			continue
		}
		if f.distance(x, y, cx, cy) > need {
			return true
		}
	}
	return false
}

// near tells whether a cell of the reduced picture is the object's, or is
// ground beside it.
func (f *refine) near(label int32, cx, cy int) bool {
	w := f.p.w
	at := cy*w + cx
	if l := f.labels[at]; l != 0 {
		return l == label
	}
	return cx > 0 && f.labels[at-1] == label || cx+1 < w && f.labels[at+1] == label ||
		cy > 0 && f.labels[at-w] == label || cy+1 < f.p.h && f.labels[at+w] == label
}

// distance of one pixel of the picture from the ground.
func (f *refine) distance(x, y, cx, cy int) float32 {
	if f.p.step == 1 {
		return f.c.d[cy*f.p.w+cx]
	}
	r, g, b := f.src.At(x, y)
	l, aa, bb := f.table.Sixteenths(uint32(r)*16, uint32(g)*16, uint32(b)*16)
	k := float64(f.p.step)
	u := 2*(float64(x)+0.5)/(k*float64(f.p.w)) - 1
	v := 2*(float64(y)+0.5)/(k*float64(f.p.h)) - 1
	line := f.g.row(v)
	dl, da, db := f.g.difference(&line, u, l, aa, bb)
	return float32(math.Sqrt(float64(dl*dl + da*da + db*db)))
}
