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
	// every is how many samples apart those lie from which quantiles are taken.
	every = 3
)

// strokes is how much each sample of a picture stands out from the paper
// around it, in deviations of its grain: brighter is positive.
type strokes struct {
	w, h int
	z    []float32
	// bold is how much the boldest strokes stand out.
	bold float32
}

// findStrokes measures the picture at the size that it has. Slow shading is
// taken away by the mean of the neighbourhood; so are lines that run through
// the whole picture, as those of the paper mould do.
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
	for x := range g.W {
		straighten(s.z, x, g.W, g.H)
	}
	for y := range g.H {
		straighten(s.z, y*g.W, 1, g.W)
	}
	var size []float32
	for i := 0; i < n; i += every {
		size = append(size, float32(math.Abs(float64(s.z[i]))))
	}
	slices.Sort(size)
	s.bold = size[len(size)*985/1000]
	// 1.4826 median deviations are one standard deviation of normal noise. A
	// drawing has no grain to speak of: there, what is faint beside its lines
	// is grain.
	grain := max(1.4826*size[len(size)/2], s.bold/20, 0.5)
	for i := range s.z {
		s.z[i] /= grain
	}
	s.bold /= grain
	return s
}

// straighten takes from n samples what at least nine in ten of them share.
func straighten(v []float32, at, step, n int) {
	sorted := make([]float32, 0, n/every+1)
	for i := 0; i < n; i += every {
		sorted = append(sorted, v[at+i*step])
	}
	slices.Sort(sorted)
	tenth := len(sorted) / 10
	shared := max(sorted[tenth], 0) + min(sorted[len(sorted)-1-tenth], 0)
	for i := range n {
		v[at+i*step] -= shared
	}
}

// picture returns the strokes as a picture, black for the paper and white for
// the boldest strokes: bright and dark ones alike.
func (s strokes) picture() plane.Gray {
	const faint = 2
	scale := 255 / (max(float64(s.bold), 2*faint) - faint)
	out := plane.New(s.w, s.h)
	for i, z := range s.z {
		out.Pix[i] = uint8(min(255, max(0, math.Abs(float64(z))-faint)*scale))
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
