package clustering

import (
	"image"
	"image/color"
	"slices"
)

// most bounds the pictures that a background is learned from.
const most = 301

// findBackground looks for what lies behind the prototypes.
func (s *set) findBackground(p Parameters) error {
	switch {
	case p.Background == NoBackground:
		return nil
	case p.Background == Constant && p.Value >= 0:
		s.background = newSquare()
		for i := range s.background {
			s.background[i] = float32(p.Value)
		}
		return nil
	}
	var looked []square
	for _, i := range sample(len(s.paths), most) {
		values, err := s.raw(i)
		if err != nil {
			return err
		}
		looked = append(looked, values)
	}
	if p.Background == Learned {
		s.background = median(looked)
		return nil
	}
	s.background = edges(looked)
	return nil
}

// sample returns up to count of n numbers, evenly apart.
func sample(n, count int) []int {
	count = min(n, count)
	out := make([]int, count)
	for i := range out {
		out[i] = i * n / count
	}
	return out
}

// median is what half of the squares exceed at each place.
func median(of []square) square {
	out, line := newSquare(), make([]float32, len(of))
	for i := range out {
		for n, s := range of {
			line[n] = s[i]
		}
		slices.Sort(line)
		out[i] = line[len(line)/2]
	}
	return out
}

// edges is a square of the median colour along the edges.
func edges(of []square) square {
	var values [3][]float32
	for _, s := range of {
		for i := range side {
			for _, at := range [4]int{i, (side-1)*side + i, i * side, i*side + side - 1} {
				for c := range values {
					values[c] = append(values[c], s[3*at+c])
				}
			}
		}
	}
	out := newSquare()
	for c := range values {
		slices.Sort(values[c])
		for i := c; i < len(out); i += 3 {
			out[i] = values[c][len(values[c])/2]
		}
	}
	return out
}

// mask is how much of a prototype, as it is grouped, stands before the
// background at each place, 0..1: what differs by more than the threshold that
// splits the differences best (N. Otsu, A threshold selection method from
// gray-level histograms, IEEE SMC 9, 1979), softly.
func mask(lifted square) []float32 {
	out := make([]float32, side*side)
	var histogram [256]float64
	for i := range out {
		for c := range 3 {
			out[i] = max(out[i], 2*abs(lifted[3*i+c]-0.5))
		}
		out[i] = min(out[i], 1)
		histogram[level(out[i])]++
	}
	threshold := max(otsu(&histogram), 0.02)
	for i, v := range out {
		out[i] = min(max(v/threshold-0.5, 0), 1)
	}
	return out
}

func abs(v float32) float32 { return max(v, -v) }

// otsu returns the level, 0..1, that splits a histogram with the largest
// variance between its parts.
func otsu(histogram *[256]float64) float32 {
	var total, sum float64
	for v, n := range histogram {
		total += n
		sum += float64(v) * n
	}
	var low, lowSum, best float64
	at := 0
	for v, n := range histogram {
		low += n
		lowSum += float64(v) * n
		if low == 0 || low == total {
			continue
		}
		d := lowSum/low - (sum-lowSum)/(total-low)
		if between := low * (total - low) * d * d; between > best {
			best, at = between, v
		}
	}
	return float32(at) / 255
}

// picture returns a square to look at.
func (s square) picture() *image.RGBA {
	out := image.NewRGBA(image.Rect(0, 0, side, side))
	for i := range side * side {
		out.Pix[4*i], out.Pix[4*i+1], out.Pix[4*i+2], out.Pix[4*i+3] = level(s[3*i]), level(s[3*i+1]), level(s[3*i+2]), 255
	}
	return out
}

// behind returns a square that shows through where the mask is low.
func (s square) behind(mask []float32) *image.NRGBA {
	out := image.NewNRGBA(image.Rect(0, 0, side, side))
	for i, m := range mask {
		out.SetNRGBA(i%side, i/side, color.NRGBA{level(s[3*i]), level(s[3*i+1]), level(s[3*i+2]), level(m)})
	}
	return out
}

// drawn returns a mask to look at.
func drawn(mask []float32) *image.Gray {
	out := image.NewGray(image.Rect(0, 0, side, side))
	for i, m := range mask {
		out.Pix[i] = level(m)
	}
	return out
}
