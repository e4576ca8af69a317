package trace

import (
	"slices"

	"granary/internal/demos/plane"
)

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
