package keypoint

import (
	"math"
	"math/rand/v2"
	"slices"

	"granary/internal/demos/plane"
)

const (
	// longSide is that of the picture at the first scale. Every picture is
	// brought to it, so that copies of another size have the same corners.
	longSide = 240
	// scales and shrink are the levels of the pyramid: tolerant to crops that
	// leave half of each side.
	scales = 4
	shrink = 0.8
	// radius of the patch that is coded, in pixels of its level.
	radius = 13
	// MaxPoints is the most that Find keeps of a picture.
	MaxPoints = 300
	// cell of the grid, in pixels, over which corners are spread evenly, so
	// that one busy part does not take them all.
	cell = 24
)

// code is 256 comparisons of two shades each.
type code [4]uint64

// point is a corner; X and Y are in pixels of the first level.
type point struct{ x, y float32 }

// Features are the corners of one picture. About 24 KB.
type Features struct {
	w, h            float32
	points          []point
	plain, mirrored []code
}

// Len returns the number of corners.
func (f *Features) Len() int { return len(f.points) }

// Finder finds corners. New is the only way to get one; it is safe for
// concurrent use.
type Finder struct {
	pattern [256][4]float32 // two offsets each
}

// New returns a finder.
func New() *Finder {
	f := &Finder{}
	// A pattern that is the same everywhere: codes may be stored.
	r := rand.New(rand.NewPCG(256, 31))
	for i := range f.pattern {
		for {
			var p [4]float32
			for k := range p {
				p[k] = float32(r.NormFloat64() * radius / 2.2)
			}
			if inPatch(p[0], p[1]) && inPatch(p[2], p[3]) {
				f.pattern[i] = p
				break
			}
		}
	}
	return f
}

func inPatch(x, y float32) bool { return x*x+y*y < (radius-1)*(radius-1) }

// candidate is a corner before it is kept.
type candidate struct {
	level, x, y int
	strength    float32
}

// Find returns the corners of g, at most MaxPoints. A picture without
// structure, or with a side of a few pixels, has none.
func (f *Finder) Find(g plane.Gray) *Features {
	if g.W == 0 || g.H == 0 {
		return &Features{}
	}
	scale := longSide / float64(max(g.W, g.H))
	level := g.Scaled(max(1, int(scale*float64(g.W)+0.5)), max(1, int(scale*float64(g.H)+0.5)))
	out := &Features{w: float32(level.W), h: float32(level.H)}
	var levels [scales]plane.Gray
	var all []candidate
	for i := range levels {
		if i > 0 {
			level = level.Scaled(max(1, int(shrink*float64(level.W)+0.5)), max(1, int(shrink*float64(level.H)+0.5)))
		}
		levels[i] = blurred(level)
		all = append(all, corners(level, i)...)
	}
	for _, c := range spreadOut(all, levels) {
		pix := levels[c.level]
		up := float32(math.Pow(shrink, -float64(c.level)))
		out.points = append(out.points, point{x: (float32(c.x) + 0.5) * up, y: (float32(c.y) + 0.5) * up})
		plain, mirrored := f.codes(pix, c.x, c.y)
		out.plain = append(out.plain, plain)
		out.mirrored = append(out.mirrored, mirrored)
	}
	return out
}

// spreadOut keeps the strongest corners of each part of the picture.
func spreadOut(all []candidate, levels [scales]plane.Gray) []candidate {
	slices.SortStableFunc(all, func(a, b candidate) int {
		switch {
		case a.strength > b.strength:
			return -1
		case a.strength < b.strength:
			return 1
		}
		return 0
	})
	cells := ((levels[0].W + cell - 1) / cell) * ((levels[0].H + cell - 1) / cell)
	most := max(4, 2*MaxPoints/max(cells, 1))
	held := map[[2]int]int{}
	var kept []candidate
	for _, c := range all {
		up := math.Pow(shrink, -float64(c.level)) / cell
		at := [2]int{int(float64(c.x) * up), int(float64(c.y) * up)}
		if held[at] >= most {
			continue
		}
		held[at]++
		if kept = append(kept, c); len(kept) == MaxPoints {
			break
		}
	}
	return kept
}

// codes returns the code of the patch around x, y, and that of the same patch
// in a mirrored picture. pix is blurred, as single samples are noise.
func (f *Finder) codes(pix plane.Gray, x, y int) (plain, mirrored code) {
	var mx, my float64
	for dy := -radius; dy <= radius; dy++ {
		row := pix.Row(y + dy)
		for dx := -radius; dx <= radius; dx++ {
			if dx*dx+dy*dy <= radius*radius {
				v := float64(row[x+dx])
				mx += v * float64(dx)
				my += v * float64(dy)
			}
		}
	}
	sin, cos := float32(0), float32(1)
	if length := math.Hypot(mx, my); length > 0 {
		sin, cos = float32(my/length), float32(mx/length)
	}
	at := func(u, v float32) uint8 {
		dx, dy := u*cos-v*sin, u*sin+v*cos
		return pix.Pix[(y+int(math.Floor(float64(dy+0.5))))*pix.W+x+int(math.Floor(float64(dx+0.5)))]
	}
	for i, p := range f.pattern {
		bit := uint64(1) << (i % 64)
		if at(p[0], p[1]) < at(p[2], p[3]) {
			plain[i/64] |= bit
		}
		// Mirroring turns the orientation a into 180°-a, which leaves the
		// pattern with its second axis the other way round.
		if at(p[0], -p[1]) < at(p[2], -p[3]) {
			mirrored[i/64] |= bit
		}
	}
	return plain, mirrored
}
