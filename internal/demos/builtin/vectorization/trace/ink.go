package trace

import (
	"slices"

	"granary/internal/demos/plane"
)

const (
	// full is the coverage of a pixel that is all ink, half the level that
	// bounds the ink: where a straight edge cuts a pixel in the middle.
	full = 255
	half = 128
	// tile is the side in pixels of the squares in which paper and ink are
	// looked at: larger than a stroke is wide, smaller than light changes.
	tile = 16
	// grainy is the noise above which the picture is smoothed.
	grainy = 4.0
	// darkest is the least grey value of paper: a page darker than that shows
	// nothing, and a black one no ink.
	darkest = 32
	// faintest is the least darkness (of 255) that counts as ink on paper
	// without noise: a pencil line, but no print that shows through.
	faintest = 36
)

// ink is the picture as coverage: 0 paper, full ink.
type ink struct {
	w, h  int
	cover []uint8
	mask  []bool
	// noise is the standard deviation of the paper's darkness, of 255.
	noise float64
}

// find separates ink from paper. Light may fall off over the picture and ink
// may be of any darkness: both levels are local, and the threshold lies
// half-way between them.
func find(g plane.Gray) *ink {
	n := &ink{w: g.W, h: g.H, mask: make([]bool, len(g.Pix))}
	raw := darkness(g, paper(g))
	n.noise = noise(raw, g.W, g.H)
	n.cover = raw
	if n.noise > grainy {
		// Grain would make ragged edges and specks.
		n.cover = slices.Clone(raw)
		for limit := grainy; n.noise > limit && limit < 40; limit *= 3 {
			smooth(n.cover, g.W, g.H)
		}
	}
	level := inkLevel(raw, n.cover, g.W, g.H, n.noise)
	line := make([]float32, g.W)
	for y := range g.H {
		level.row(y, line)
		row, mask := n.cover[y*g.W:(y+1)*g.W], n.mask[y*g.W:(y+1)*g.W]
		for x, v := range row {
			c := min(full, int(float32(v)*full/line[x]+0.5))
			row[x] = uint8(c)
			mask[x] = c >= half
		}
	}
	return n
}

// darkness returns how much darker than the paper each pixel is, 0..255.
func darkness(g plane.Gray, paper grid) []uint8 {
	out := make([]uint8, len(g.Pix))
	line := make([]float32, g.W)
	for y := range g.H {
		paper.row(y, line)
		dst := out[y*g.W : (y+1)*g.W]
		for x, v := range g.Row(y) {
			d := 255 * (line[x] - float32(v)) / max(line[x], darkest)
			dst[x] = uint8(max(0, d))
		}
	}
	return out
}

// noise estimates the standard deviation of the grain from the median second
// difference along rows, which strokes on few pixels do not move.
func noise(dark []uint8, w, h int) float64 {
	var histogram [512]int
	count := 0
	for y := 0; y < h; y += 3 {
		row := dark[y*w : (y+1)*w]
		for x := 1; x+1 < w; x++ {
			d := 2*int(row[x]) - int(row[x-1]) - int(row[x+1])
			histogram[min(max(d, -d), 511)]++
			count++
		}
	}
	seen := 0
	for v, n := range histogram {
		if seen += n; seen > count/2 {
			// The second difference scatters √6 times as much; 0.6745 is the
			// median of a normal deviate. Darkness is cut at zero, so that on
			// bright paper only half of the grain shows.
			return float64(v) / (2.449 * 0.6745)
		}
	}
	return 0
}

// smooth applies the binomial 3×3 filter in place.
func smooth(pix []uint8, w, h int) {
	if w < 3 || h < 3 {
		return
	}
	row := func(y int, out []uint16) {
		in := pix[y*w : (y+1)*w]
		out[0] = 3*uint16(in[0]) + uint16(in[1])
		for x := 1; x+1 < w; x++ {
			out[x] = uint16(in[x-1]) + 2*uint16(in[x]) + uint16(in[x+1])
		}
		out[w-1] = 3*uint16(in[w-1]) + uint16(in[w-2])
	}
	above, here, below := make([]uint16, w), make([]uint16, w), make([]uint16, w)
	row(0, here)
	copy(above, here)
	for y := range h {
		if y+1 < h {
			row(y+1, below)
		} else {
			copy(below, here)
		}
		out := pix[y*w : (y+1)*w]
		for x := range out {
			out[x] = uint8((above[x] + 2*here[x] + below[x] + 8) / 16)
		}
		above, here, below = here, below, above
	}
}

// at returns the coverage at p between the pixel centres, 0 outside.
func (n *ink) at(p Point) float64 {
	x, y := p.X-0.5, p.Y-0.5
	if x < 0 || y < 0 || x >= float64(n.w-1) || y >= float64(n.h-1) {
		return n.edge(x, y)
	}
	x0, y0 := int(x), int(y)
	fx, fy := x-float64(x0), y-float64(y0)
	i := y0*n.w + x0
	top := float64(n.cover[i])*(1-fx) + float64(n.cover[i+1])*fx
	bottom := float64(n.cover[i+n.w])*(1-fx) + float64(n.cover[i+n.w+1])*fx
	return top*(1-fy) + bottom*fy
}

// edge is at for the rim: the nearest pixel, or none half a pixel outside.
func (n *ink) edge(x, y float64) float64 {
	if x < -0.5 || y < -0.5 || x > float64(n.w)-0.5 || y > float64(n.h)-0.5 {
		return 0
	}
	ix := min(max(int(x+0.5), 0), n.w-1)
	iy := min(max(int(y+0.5), 0), n.h-1)
	return float64(n.cover[iy*n.w+ix])
}
