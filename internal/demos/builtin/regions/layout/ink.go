package layout

import (
	"math"
	"slices"

	"granary/internal/demos/plane"
)

const (
	// workSide is about the longest side that is looked at.
	workSide = 1250
	// cell is the side of the squares, in working pixels, whose shade is
	// measured.
	cell = 16
	// sauvolaK and sauvolaR are the constants of the threshold
	// m·(1+k·(s/R−1)) of J. Sauvola and M. Pietikäinen, Adaptive document
	// image binarization, Pattern Recognition 33 (2000) 225–236. A small k
	// keeps faint drawings.
	sauvolaK, sauvolaR = 0.2, 128.0
)

// shrunk returns g reduced by a whole factor, by area, and the factor.
func shrunk(g plane.Gray) (plane.Gray, int) {
	k := max(1, (max(g.W, g.H)+workSide/2)/workSide)
	if k == 1 {
		return g, 1
	}
	out := plane.New((g.W+k-1)/k, (g.H+k-1)/k)
	sums := make([]uint32, out.W)
	for y := range out.H {
		clear(sums)
		rows := min(k, g.H-y*k)
		for i := range rows {
			row := g.Row(y*k + i)
			for x := range sums {
				part := row[x*k : min(len(row), x*k+k)]
				for _, v := range part {
					sums[x] += uint32(v)
				}
			}
		}
		for x, sum := range sums {
			count := uint32(rows * min(k, g.W-x*k))
			out.Row(y)[x] = uint8((sum + count/2) / count)
		}
	}
	return out, k
}

// paper is how light the page is where nothing is printed, one value per cell.
type paper struct {
	across, down int
	level        []float32
}

// findPaper takes the light quantile of each cell and of those around it. A
// large dark picture hides the paper, so no place falls far below the rest.
func findPaper(g plane.Gray) paper {
	p := paper{across: (g.W + cell - 1) / cell, down: (g.H + cell - 1) / cell}
	light := make([]float32, p.across*p.down)
	for i := range light {
		x0, y0 := i%p.across*cell, i/p.across*cell
		x1, y1 := min(g.W, x0+cell), min(g.H, y0+cell)
		var histogram [256]int
		for y := y0; y < y1; y++ {
			for _, v := range g.Row(y)[x0:x1] {
				histogram[v]++
			}
		}
		rest := (x1 - x0) * (y1 - y0) / 10
		level := 255
		for level > 0 {
			if rest -= histogram[level]; rest < 0 {
				break
			}
			level--
		}
		light[i] = float32(level)
	}
	sorted := slices.Sorted(slices.Values(light))
	floor := 0.75 * sorted[len(sorted)*8/10]
	p.level = make([]float32, len(light))
	const reach = 2
	for i := range light {
		best := max(1, floor)
		for y := max(0, i/p.across-reach); y <= min(p.down-1, i/p.across+reach); y++ {
			for x := max(0, i%p.across-reach); x <= min(p.across-1, i%p.across+reach); x++ {
				best = max(best, light[y*p.across+x])
			}
		}
		p.level[i] = best
	}
	return p
}

// at returns the paper level at a pixel.
func (p paper) at(x, y int) float32 { return p.level[y/cell*p.across+x/cell] }

// findInk marks the pixels that are darker than their surroundings, and those
// that are dark in any surroundings.
func findInk(g plane.Gray, p paper) []bool {
	ink := make([]bool, g.W*g.H)
	half := max(8, max(g.W, g.H)/70)
	// Sums over the rows of the window, column by column, slide down the page.
	sum, squares := make([]float64, g.W+1), make([]float64, g.W+1)
	columns, columnSquares := make([]int64, g.W), make([]int64, g.W)
	add := func(y int, sign int64) {
		for x, v := range g.Row(y) {
			columns[x] += sign * int64(v)
			columnSquares[x] += sign * int64(v) * int64(v)
		}
	}
	for y := range min(half, g.H) {
		add(y, 1)
	}
	for y := range g.H {
		if y+half < g.H {
			add(y+half, 1)
		}
		if y-half-1 >= 0 {
			add(y-half-1, -1)
		}
		for x := range g.W {
			sum[x+1] = sum[x] + float64(columns[x])
			squares[x+1] = squares[x] + float64(columnSquares[x])
		}
		rows := min(g.H-1, y+half) - max(0, y-half) + 1
		out := ink[y*g.W : (y+1)*g.W]
		for x, v := range g.Row(y) {
			x0, x1 := max(0, x-half), min(g.W, x+half+1)
			n := float64(rows * (x1 - x0))
			mean := (sum[x1] - sum[x0]) / n
			if level := p.at(x, y); float32(v) < 0.5*level {
				out[x] = true
				continue
			} else if float32(v) > 0.9*level {
				continue
			}
			deviation := math.Sqrt(max(0, (squares[x1]-squares[x0])/n-mean*mean))
			out[x] = float64(v) < mean*(1+sauvolaK*(deviation/sauvolaR-1))
		}
	}
	return ink
}
