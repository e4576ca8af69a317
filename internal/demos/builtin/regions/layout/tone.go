package layout

import (
	"math"

	"granary/internal/demos/plane"
)

const (
	// dark is the share of the paper's lightness below which most of a cell
	// must lie, and edge the step in it where a picture begins; a stain is
	// fainter or fades.
	dark, edge = 0.86, 0.16
	// toneSide is the side of such cells in working pixels.
	toneSide = 6
)

// patch is cells that touch.
type patch struct {
	part
	// cells counts the patch's cells; sum adds up their values.
	cells int
	sum   float64
}

// patches joins the cells of side pixels that are marked, corners included.
func patches(value []float64, across int, side int, skew float64) []patch {
	var out []patch
	sin, cos := math.Sincos(skew)
	down := len(value) / across
	taken := make([]bool, len(value))
	for i := range value {
		if taken[i] || value[i] <= 0 {
			continue
		}
		taken[i] = true
		found := patch{part: nowhere()}
		for waiting := []int{i}; len(waiting) > 0; {
			at := waiting[len(waiting)-1]
			waiting = waiting[:len(waiting)-1]
			x, y := at%across, at/across
			found.add(x*side, y*side, side, sin, cos)
			found.cells++
			found.sum += value[at]
			for ny := max(0, y-1); ny <= min(down-1, y+1); ny++ {
				for nx := max(0, x-1); nx <= min(across-1, x+1); nx++ {
					if next := ny*across + nx; !taken[next] && value[next] > 0 {
						taken[next] = true
						waiting = append(waiting, next)
					}
				}
			}
		}
		out = append(out, found)
	}
	return out
}

// findTone returns the patches of continuous tone: photographs and washes. A
// cell counts when hardly a pixel of it is as light as paper, so text does not.
func findTone(g plane.Gray, p paper, skew float64) []patch {
	across, down := (g.W+toneSide-1)/toneSide, (g.H+toneSide-1)/toneSide
	shade := make([]float64, across*down) // mean lightness, 1 for paper
	value := make([]float64, across*down) // of dark cells, how dark
	for i := range shade {
		x0, y0 := i%across*toneSide, i/across*toneSide
		x1, y1 := min(g.W, x0+toneSide), min(g.H, y0+toneSide)
		level := float64(p.at(x0, y0))
		limit := uint8(min(255, dark*level))
		lights, sum := 0, 0
		for y := y0; y < y1; y++ {
			for _, v := range g.Row(y)[x0:x1] {
				sum += int(v)
				if v > limit {
					lights++
				}
			}
		}
		n := (x1 - x0) * (y1 - y0)
		shade[i] = float64(sum) / float64(n) / level
		if lights*8 <= n {
			value[i] = max(0.001, 1-shade[i])
		}
	}
	var out []patch
	for _, found := range patches(value, across, toneSide, skew) {
		if found.cells >= 12 && found.sharp(shade, value, across) {
			out = append(out, found)
		}
	}
	return out
}

// sharp reports whether a patch begins with a step: the lightness two cells
// outside each side of its bounds, against that inside.
func (a patch) sharp(shade, value []float64, across int) bool {
	down := len(shade) / across
	var steps, n float64
	x0, y0, x1, y1 := a.box.Min.X/toneSide, a.box.Min.Y/toneSide, (a.box.Max.X-1)/toneSide, (a.box.Max.Y-1)/toneSide
	look := func(x, y, dx, dy int) {
		for range max(across, down) {
			if x < x0 || y < y0 || x > x1 || y > y1 {
				return
			}
			if value[min(y, down-1)*across+min(x, across-1)] > 0 {
				break
			}
			x, y = x+dx, y+dy
		}
		ox, oy := x-2*dx, y-2*dy
		if ox < 0 || oy < 0 || ox >= across || oy >= down {
			return
		}
		steps += shade[oy*across+ox] - shade[min(down-1, max(0, y+dy))*across+min(across-1, max(0, x+dx))]
		n++
	}
	for x := x0; x <= x1; x++ {
		look(x, y0, 0, 1)
		look(x, y1, 0, -1)
	}
	for y := y0; y <= y1; y++ {
		look(x0, y, 1, 0)
		look(x1, y, -1, 0)
	}
	return n == 0 || steps/n > edge
}
