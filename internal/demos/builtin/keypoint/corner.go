package keypoint

import "granary/internal/demos/plane"

// weakest is the Harris response below which a place is no corner: about that
// of a contrast of ten shades.
const weakest = 4e4

// corners returns the places of g where the Harris response is a local
// maximum, far enough from the edge to be coded.
func corners(g plane.Gray, level int) []candidate {
	const border = radius + 1
	if g.W <= 2*border || g.H <= 2*border {
		return nil
	}
	response := harris(g)
	var out []candidate
	for y := border; y < g.H-border; y++ {
		for x := border; x < g.W-border; x++ {
			v := response[y*g.W+x]
			if v < weakest {
				continue
			}
			if isPeak(response, g.W, x, y, v) {
				out = append(out, candidate{level: level, x: x, y: y, strength: v})
			}
		}
	}
	return out
}

// isPeak reports whether no neighbour is stronger; of equal ones the first
// counts.
func isPeak(response []float32, w, x, y int, v float32) bool {
	for dy := -1; dy <= 1; dy++ {
		for dx := -1; dx <= 1; dx++ {
			n := response[(y+dy)*w+x+dx]
			if n > v || n == v && (dy < 0 || dy == 0 && dx < 0) {
				return false
			}
		}
	}
	return true
}

// harris returns det - 0.05·trace² of the gradients summed over 5×5 samples.
func harris(g plane.Gray) []float32 {
	n := g.W * g.H
	xx, xy, yy := make([]float32, n), make([]float32, n), make([]float32, n)
	for y := 1; y < g.H-1; y++ {
		up, row, down := g.Row(y-1), g.Row(y), g.Row(y+1)
		for x := 1; x < g.W-1; x++ {
			gx := float32(row[x+1]) - float32(row[x-1])
			gy := float32(down[x]) - float32(up[x])
			i := y*g.W + x
			xx[i], xy[i], yy[i] = gx*gx/4, gx*gy/4, gy*gy/4
		}
	}
	for _, sums := range [][]float32{xx, xy, yy} {
		box(sums, g.W, g.H)
	}
	for i := range xx {
		trace := xx[i] + yy[i]
		xx[i] = xx[i]*yy[i] - xy[i]*xy[i] - 0.05*trace*trace
	}
	return xx
}

// box replaces samples by the sum of the 5×5 around them; the edge of two
// samples is left as it is.
func box(v []float32, w, h int) {
	line := make([]float32, max(w, h))
	sum := func(at, step, n int) {
		for i := range n {
			line[i] = v[at+i*step]
		}
		for i := 2; i < n-2; i++ {
			v[at+i*step] = line[i-2] + line[i-1] + line[i] + line[i+1] + line[i+2]
		}
	}
	for y := range h {
		sum(y*w, 1, w)
	}
	for x := range w {
		sum(x, w, h)
	}
}

// blurred averages 5×5 samples.
func blurred(g plane.Gray) plane.Gray {
	sums := make([]float32, len(g.Pix))
	for i, v := range g.Pix {
		sums[i] = float32(v)
	}
	box(sums, g.W, g.H)
	out := plane.New(g.W, g.H)
	for y := 2; y < g.H-2; y++ {
		for x := 2; x < g.W-2; x++ {
			out.Pix[y*g.W+x] = uint8(sums[y*g.W+x] / 25)
		}
	}
	return out
}
