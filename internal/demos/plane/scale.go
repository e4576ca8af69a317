package plane

import "math"

// Scaled returns g resampled to w×h with a triangle filter: by area when it
// shrinks, linearly when it grows.
func (g Gray) Scaled(w, h int) Gray {
	if w == g.W && h == g.H {
		return g
	}
	out := New(w, h)
	if g.W == 0 || g.H == 0 || w == 0 || h == 0 {
		return out
	}
	across, down := taps(g.W, w), taps(g.H, h)
	// Rows are narrowed once each, when the first output row needs them.
	rows := make([][]float32, g.H)
	sum := make([]float32, w)
	for y, d := range down {
		clear(sum)
		for i, weight := range d.weights {
			row := rows[d.first+i]
			if row == nil {
				row = narrow(g.Row(d.first+i), across)
				rows[d.first+i] = row
			}
			for x, v := range row[:len(sum)] {
				sum[x] += weight * v
			}
		}
		if y+1 < len(down) {
			for i := d.first; i < down[y+1].first; i++ {
				rows[i] = nil
			}
		}
		row := out.Row(y)
		for x, v := range sum[:len(row)] {
			row[x] = uint8(v + 0.5)
		}
	}
	return out
}

// narrow resamples one row.
func narrow(row []uint8, across []tap) []float32 {
	out := make([]float32, len(across))
	for x, t := range across {
		var sum float32
		for i, v := range row[t.first : t.first+len(t.weights)] {
			sum += t.weights[i] * float32(v)
		}
		out[x] = sum
	}
	return out
}

// tap says which samples make one, and with what weights; they sum to 1.
type tap struct {
	first   int
	weights []float32
}

// taps are those of a side that goes from n to m samples.
func taps(n, m int) []tap {
	scale := float64(n) / float64(m)
	support := math.Max(scale, 1)
	all := make([]tap, m)
	for i := range all {
		center := (float64(i) + 0.5) * scale
		first, last := max(0, int(math.Floor(center-support))), min(n-1, int(math.Ceil(center+support)))
		weights := make([]float32, 0, last-first+1)
		var total float32
		for j := first; j <= last; j++ {
			weight := float32(math.Max(0, 1-math.Abs(float64(j)+0.5-center)/support))
			if weight == 0 && len(weights) == 0 {
				first = j + 1
				continue
			}
			weights = append(weights, weight)
			total += weight
		}
		for j := range weights {
			weights[j] /= total
		}
		all[i] = tap{first, weights}
	}
	return all
}
