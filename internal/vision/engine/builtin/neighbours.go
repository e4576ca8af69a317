package builtin

import (
	"math"
	"slices"
)

// neighbours is a k-nearest-neighbour classifier in which a neighbour's vote
// falls with its distance, and a feature counts by how well it parts the
// labels of the training set.
type neighbours struct {
	k int
	// weight is each feature's correlation ratio (Fisher 1925): the share of
	// its variance that lies between the labels.
	weight []float32
	points [][]float32 // weighted
	y      []int32
	labels int
}

func fitNeighbours(x [][]float64, y []int, labels, k int) *neighbours {
	m := &neighbours{k: min(k, len(x)), weight: correlationRatio(x, y, labels), labels: labels}
	for i, row := range x {
		point := make([]float32, len(row))
		for j, v := range row {
			point[j] = float32(v) * m.weight[j]
		}
		m.points = append(m.points, point)
		m.y = append(m.y, int32(y[i]))
	}
	return m
}

func correlationRatio(x [][]float64, y []int, labels int) []float32 {
	d := len(x[0])
	out := make([]float32, d)
	sum, count := make([]float64, labels), make([]float64, labels)
	for _, k := range y {
		count[k]++
	}
	for j := range d {
		clear(sum)
		var all, squares float64
		for i, row := range x {
			sum[y[i]] += row[j]
			all += row[j]
			squares += row[j] * row[j]
		}
		mean := all / float64(len(x))
		total := squares - mean*all
		if total <= 1e-9 {
			continue
		}
		between := -mean * all
		for k, s := range sum {
			if count[k] > 0 {
				between += s * s / count[k]
			}
		}
		out[j] = float32(math.Sqrt(min(max(between/total, 0), 1)))
	}
	return out
}

// logits are logarithms of the smoothed share of the votes.
func (m *neighbours) logits(x []float64) []float64 {
	type near struct {
		squared float32
		label   int32
	}
	query := make([]float32, len(x))
	for j, v := range x {
		query[j] = float32(v) * m.weight[j]
	}
	best := make([]near, 0, m.k+1)
	for i, point := range m.points {
		sum := float32(0)
		for j, v := range point {
			d := v - query[j]
			sum += d * d
		}
		if len(best) == m.k && sum >= best[m.k-1].squared {
			continue
		}
		at := len(best)
		for at > 0 && best[at-1].squared > sum {
			at--
		}
		best = slices.Insert(best, at, near{sum, m.y[i]})
		best = best[:min(len(best), m.k)]
	}
	// The farthest of the k sets the scale, so that votes adapt to how dense
	// the examples are here.
	width := best[len(best)-1].squared + 1e-6
	votes := make([]float64, m.labels)
	total := 0.0
	for _, n := range best {
		vote := math.Exp(-float64(n.squared / width))
		votes[n.label] += vote
		total += vote
	}
	const smoothing = 0.02
	for k := range votes {
		votes[k] = math.Log((votes[k] + smoothing*total) / (total * (1 + smoothing*float64(m.labels))))
	}
	return votes
}
