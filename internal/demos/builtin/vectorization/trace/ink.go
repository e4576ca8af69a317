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

// grid holds a value per tile, to be read between the tile centres.
type grid struct {
	w, h   int
	values []float32
}

func newGrid(w, h int) grid {
	g := grid{w: (w + tile - 1) / tile, h: (h + tile - 1) / tile}
	g.values = make([]float32, g.w*g.h)
	return g
}

// row writes the interpolated values of picture row y to line.
func (g grid) row(y int, line []float32) {
	v := (float32(y)+0.5)/tile - 0.5
	y0 := min(max(int(v), 0), g.h-1)
	y1 := min(y0+1, g.h-1)
	fy := min(max(v-float32(y0), 0), 1)
	column := func(x int) float32 {
		return g.values[y0*g.w+x]*(1-fy) + g.values[y1*g.w+x]*fy
	}
	for tx := range g.w + 1 {
		// Between the centres of tiles tx-1 and tx.
		a, b := column(max(tx-1, 0)), column(min(tx, g.w-1))
		from := tx*tile - tile/2
		step := (b - a) / tile
		value := a + step/2
		for x := from; x < from+tile; x++ {
			if x >= 0 && x < len(line) {
				line[x] = value
			}
			value += step
		}
	}
}

// each calls visit for every tile with the histogram of its values.
func (g grid) each(pix []uint8, w, h int, visit func(i int, histogram *[256]uint16, count int)) {
	for ty := range g.h {
		for tx := range g.w {
			var histogram [256]uint16
			count := 0
			for y := ty * tile; y < min((ty+1)*tile, h); y++ {
				for _, v := range pix[y*w+tx*tile : y*w+min((tx+1)*tile, w)] {
					histogram[v]++
					count++
				}
			}
			visit(ty*g.w+tx, &histogram, count)
		}
	}
}

// widest replaces each value by the largest within r tiles.
func (g grid) widest(r int) grid {
	out := newGrid(g.w*tile, g.h*tile)
	mid := slices.Clone(g.values)
	for y := range g.h {
		for x := range g.w {
			mid[y*g.w+x] = slices.Max(g.values[y*g.w+max(x-r, 0) : y*g.w+min(x+r+1, g.w)])
		}
	}
	for y := range g.h {
		for x := range g.w {
			best := mid[y*g.w+x]
			for yy := max(y-r, 0); yy < min(y+r+1, g.h); yy++ {
				best = max(best, mid[yy*g.w+x])
			}
			out.values[y*g.w+x] = best
		}
	}
	return out
}

// paper estimates the light of the blank page. A tile that is much darker
// than the page lies in ink and takes the level of its neighbours.
func paper(g plane.Gray) grid {
	levels := newGrid(g.W, g.H)
	levels.each(g.Pix, g.W, g.H, func(i int, histogram *[256]uint16, count int) {
		// The upper quartile: strokes rarely cover three quarters of a tile.
		levels.values[i] = float32(quantile(histogram, count, 3*count/4))
	})
	sorted := slices.Clone(levels.values)
	slices.Sort(sorted)
	least := 0.6 * sorted[len(sorted)*9/10]
	known := make([]bool, len(levels.values))
	for i, v := range levels.values {
		known[i] = v >= least
	}
	// Neighbours at twice the page's own slope apart cannot both be paper.
	near := levels.widest(2)
	for i, v := range levels.values {
		known[i] = known[i] && v >= 0.8*near.values[i]
	}
	levels.spread(known)
	return levels
}

// spread fills the unknown tiles from the known ones, ring by ring.
func (g grid) spread(known []bool) {
	queue := make([]int, 0, len(known))
	for i, k := range known {
		if k {
			queue = append(queue, i)
		}
	}
	for len(queue) > 0 {
		var next []int
		sums := map[int][2]float32{}
		for _, i := range queue {
			x, y := i%g.w, i/g.w
			for _, d := range [4][2]int{{-1, 0}, {1, 0}, {0, -1}, {0, 1}} {
				nx, ny := x+d[0], y+d[1]
				if nx < 0 || ny < 0 || nx >= g.w || ny >= g.h || known[ny*g.w+nx] {
					continue
				}
				j := ny*g.w + nx
				s, seen := sums[j]
				if !seen {
					next = append(next, j)
				}
				sums[j] = [2]float32{s[0] + g.values[i], s[1] + 1}
			}
		}
		for _, j := range next {
			known[j] = true
			g.values[j] = sums[j][0] / sums[j][1]
		}
		queue = next
	}
}

// quantile returns the value that rank samples lie at or below.
func quantile(histogram *[256]uint16, count, rank int) int {
	rank = min(rank, count-1)
	seen := 0
	for v, n := range histogram {
		if seen += int(n); seen > rank {
			return v
		}
	}
	return 255
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

// inkLevel estimates the darkness of full ink around each place. It looks at
// the raw values where the smoothed ones have a crest, for there a stroke is
// covered whole, and grain evens out. Ink is taken to be the same everywhere,
// unless it is plainly fainter in a place: blur takes more from thin strokes
// than from thick ones, and would make them look wide.
func inkLevel(raw, smoothed []uint8, w, h int, noise float64) grid {
	floor := max(faintest, float32(5*noise))
	levels := newGrid(w, h)
	for ty := range levels.h {
		for tx := range levels.w {
			levels.values[ty*levels.w+tx] = crest(raw, smoothed, w, h, tx*tile, ty*tile, uint8(min(floor, 255)))
		}
	}
	var inked []float32
	for _, v := range levels.values {
		if v > floor {
			inked = append(inked, v)
		}
	}
	if len(inked) == 0 {
		for i := range levels.values {
			levels.values[i] = 2 * floor
		}
		return levels
	}
	slices.Sort(inked)
	usual := inked[len(inked)*12/13]
	levels = levels.widest(1)
	for i, v := range levels.values {
		if v > 0.65*usual {
			// The choice of high values among noisy ones has a bias.
			levels.values[i] = usual - float32(noise)
		} else {
			levels.values[i] = max(v, floor, 0.3*usual)
		}
	}
	return levels
}

// crest returns the usual raw darkness of the ink in the tile at x0, y0: the
// upper third over the crests that rise to at least half of the highest; 0
// when there is none above floor.
func crest(raw, smoothed []uint8, w, h, x0, y0 int, floor uint8) float32 {
	highest := floor
	for y := y0; y < min(y0+tile, h); y++ {
		highest = max(highest, slices.Max(smoothed[y*w+x0:y*w+min(x0+tile, w)]))
	}
	if highest == floor {
		return 0
	}
	var histogram [256]uint16
	count := 0
	for y := max(y0, 1); y < min(y0+tile, h-1); y++ {
		for x := max(x0, 1); x < min(x0+tile, w-1); x++ {
			i := y*w + x
			v := smoothed[i]
			if v > highest/2 && (v >= smoothed[i-1] && v >= smoothed[i+1] || v >= smoothed[i-w] && v >= smoothed[i+w]) {
				histogram[raw[i]]++
				count++
			}
		}
	}
	if count < 4 {
		return 0
	}
	return float32(quantile(&histogram, count, count*2/3))
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
