package layout

import (
	"cmp"
	"image"
	"math"
	"slices"
)

const (
	// maxParts bounds the parts that are looked at: the largest ones.
	maxParts = 60_000
	// speck is the most pixels of a part that is taken for noise.
	speck = 3
)

// run is a stretch of ink in one row; x1 lies beyond its last pixel.
type run struct {
	y, x0, x1 int32
	label     int32
}

// part is connected ink, or several of it taken together.
type part struct {
	// box is where it lies in the working picture.
	box image.Rectangle
	// u0, v0, u1, v1 bound it on the level page.
	u0, v0, u1, v1 float64
	// area counts its pixels, runs the stretches of them in rows.
	area, runs int
}

func (p part) width() float64  { return p.u1 - p.u0 }
func (p part) height() float64 { return p.v1 - p.v0 }

// join returns what bounds both.
func (p part) join(o part) part {
	return part{
		box: p.box.Union(o.box), u0: min(p.u0, o.u0), v0: min(p.v0, o.v0), u1: max(p.u1, o.u1), v1: max(p.v1, o.v1), area: p.area + o.area, runs: p.runs + o.runs,
	}
}

// shared is the area that both level bounds cover.
func (p part) shared(o part) float64 {
	w, h := min(p.u1, o.u1)-max(p.u0, o.u0), min(p.v1, o.v1)-max(p.v0, o.v0)
	if w <= 0 || h <= 0 {
		return 0
	}
	return w * h
}

// within reports whether the middle of p lies inside o.
func (p part) within(o part) bool {
	u, v := (p.u0+p.u1)/2, (p.v0+p.v1)/2
	return u >= o.u0 && u <= o.u1 && v >= o.v0 && v <= o.v1
}

// gap is how far the level bounds are apart, the larger of both directions; it
// is negative where they overlap.
func (p part) gap(o part) float64 {
	return max(max(p.u0, o.u0)-min(p.u1, o.u1), max(p.v0, o.v0)-min(p.v1, o.v1))
}

// union is a set of numbers in disjoint groups.
type union []int32

func (u union) root(i int32) int32 {
	for u[i] != i {
		u[i] = u[u[i]]
		i = u[i]
	}
	return i
}

func (u union) join(a, b int32) {
	if a, b = u.root(a), u.root(b); a != b {
		u[max(a, b)] = min(a, b)
	}
}

func newUnion(n int) union {
	u := make(union, n)
	for i := range u {
		u[i] = int32(i)
	}
	return u
}

// findParts joins ink that touches, corners included. The parts come in no
// particular order; each knows its runs by label.
func findParts(ink []bool, w, h int) ([]part, []run) {
	var runs []run
	var parents union
	from, to := 0, 0 // the runs of the row above
	for y := range h {
		row := ink[y*w : (y+1)*w]
		first := len(runs)
		for x := 0; x < w; x++ {
			if !row[x] {
				continue
			}
			r := run{int32(y), int32(x), 0, -1}
			for x < w && row[x] {
				x++
			}
			r.x1 = int32(x)
			for from < to && runs[from].x1 < r.x0 {
				from++
			}
			for j := from; j < to && runs[j].x0 <= r.x1; j++ {
				if r.label < 0 {
					r.label = parents.root(runs[j].label)
				} else {
					parents.join(r.label, runs[j].label)
				}
			}
			if r.label < 0 {
				r.label = int32(len(parents))
				parents = append(parents, r.label)
			}
			runs = append(runs, r)
		}
		from, to = first, len(runs)
	}
	return measure(runs, parents)
}

// measure numbers the parts 0, 1, … and bounds them. Runs of specks and of
// parts beyond maxParts are dropped.
func measure(runs []run, parents union) ([]part, []run) {
	parts := make([]part, len(parents))
	for i := range runs {
		r := &runs[i]
		r.label = parents.root(r.label)
		p := &parts[r.label]
		p.box = p.box.Union(image.Rect(int(r.x0), int(r.y), int(r.x1), int(r.y)+1))
		p.area += int(r.x1 - r.x0)
		p.runs++
	}
	order := make([]int32, 0, len(parts))
	for i, p := range parts {
		if p.area > speck {
			order = append(order, int32(i))
		}
	}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Compare(parts[b].area, parts[a].area) })
	order = order[:min(len(order), maxParts)]
	names := make([]int32, len(parts))
	for i := range names {
		names[i] = -1
	}
	kept := make([]part, len(order))
	for i, old := range order {
		names[old] = int32(i)
		kept[i] = parts[old]
	}
	left := runs[:0]
	for _, r := range runs {
		if r.label = names[r.label]; r.label >= 0 {
			left = append(left, r)
		}
	}
	return kept, left
}

// level bounds each part on the page turned back by the skew.
func level(parts []part, runs []run, skew float64) {
	sin, cos := math.Sincos(skew)
	for i := range parts {
		parts[i].u0, parts[i].v0, parts[i].u1, parts[i].v1 = math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	}
	for _, r := range runs {
		p := &parts[r.label]
		y := float64(r.y) + 0.5
		for _, x := range [2]float64{float64(r.x0) + 0.5, float64(r.x1) - 0.5} {
			u, v := x*cos+y*sin, y*cos-x*sin
			p.u0, p.u1 = min(p.u0, u-0.5), max(p.u1, u+0.5)
			p.v0, p.v1 = min(p.v0, v-0.5), max(p.v1, v+0.5)
		}
	}
}

// add bounds a square of the working picture too.
func (p *part) add(x, y, side int, sin, cos float64) {
	p.box = p.box.Union(image.Rect(x, y, x+side, y+side))
	p.area += side * side
	for _, corner := range [4][2]int{{x, y}, {x + side, y}, {x, y + side}, {x + side, y + side}} {
		fx, fy := float64(corner[0]), float64(corner[1])
		u, v := fx*cos+fy*sin, fy*cos-fx*sin
		p.u0, p.u1, p.v0, p.v1 = min(p.u0, u), max(p.u1, u), min(p.v0, v), max(p.v1, v)
	}
}
