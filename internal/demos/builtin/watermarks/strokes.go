package watermarks

import (
	"math"
	"slices"

	"granary/internal/demos/plane"
)

const (
	// workSide is the long side that pictures are brought to: a watermark's
	// lines are two or three pixels wide then.
	workSide = 512
	// around is half the side of the paper that a stroke is compared with.
	around = 14
	// strong is how far, in deviations of the paper's grain, a stroke stands
	// out at least.
	strong = 3.0
)

// strokes is how much each sample of a picture stands out from the paper
// around it, in deviations of its grain: brighter is positive.
type strokes struct {
	w, h int
	z    []float32
}

// findStrokes measures the picture at the size that it has. Slow shading is
// taken away by the mean of the neighbourhood, the lines of the paper mould by
// the mean along long straight lines.
func findStrokes(g plane.Gray) strokes {
	n := g.W * g.H
	s := strokes{w: g.W, h: g.H, z: make([]float32, n)}
	if n == 0 {
		return s
	}
	for i, v := range g.Pix {
		s.z[i] = float32(v)
	}
	smooth := slices.Clone(s.z)
	means(smooth, g.W, g.H, 1, 1)
	means(s.z, g.W, g.H, around, around)
	for i, v := range smooth {
		s.z[i] = v - s.z[i]
	}
	down, across := slices.Clone(s.z), slices.Clone(s.z)
	means(down, g.W, g.H, 0, g.H/5)
	means(across, g.W, g.H, g.W/5, 0)
	size := make([]float32, n)
	for i := range s.z {
		s.z[i] -= down[i] + across[i]
		size[i] = float32(math.Abs(float64(s.z[i])))
	}
	slices.Sort(size)
	// 1.4826 median deviations are one standard deviation of normal noise. A
	// drawing without grain has none; a shade is the least that counts.
	grain := max(1.4826*size[n/2], 1)
	for i := range s.z {
		s.z[i] /= grain
	}
	return s
}

// picture returns the strokes as a picture, black without and white for eight
// deviations or more: bright and dark strokes alike.
func (s strokes) picture() plane.Gray {
	out := plane.New(s.w, s.h)
	for i, z := range s.z {
		out.Pix[i] = uint8(min(255, max(0, math.Abs(float64(z))-1)*255/7))
	}
	return out
}

// means replaces samples by the mean of the 2·rx+1 × 2·ry+1 around them; at
// the edge, of those that there are.
func means(v []float32, w, h, rx, ry int) {
	sums := make([]float64, max(w, h)+1)
	mean := func(at, step, n, r int) {
		if r == 0 {
			return
		}
		for i := range n {
			sums[i+1] = sums[i] + float64(v[at+i*step])
		}
		for i := range n {
			low, high := max(0, i-r), min(n, i+r+1)
			v[at+i*step] = float32((sums[high] - sums[low]) / float64(high-low))
		}
	}
	for y := range h {
		mean(y*w, 1, w, rx)
	}
	for x := range w {
		mean(x, w, h, ry)
	}
}
