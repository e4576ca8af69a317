package builtin

import (
	"math"
	"slices"

	"granary/internal/vision/engine/builtin/feature"
)

// familiar judges whether a crop resembles what a label's examples look like.
// Probabilities are shared among the known labels even for a pebble; this is
// what lowers them.
type familiar struct {
	centre [][]float32 // per label, standardised
	width  []float32   // deviation within labels, pooled
	// usual is the distance that 95 in 100 held-out examples stay within.
	usual float32
}

func newFamiliar(x [][]float64, y []int, labels int) familiar {
	d := len(x[0])
	f := familiar{centre: make([][]float32, labels), width: make([]float32, d), usual: 1}
	count := make([]float64, labels)
	sum := make([][]float64, labels)
	for k := range labels {
		sum[k] = make([]float64, d)
		f.centre[k] = make([]float32, d)
	}
	for i, row := range x {
		count[y[i]]++
		for j, v := range row {
			sum[y[i]][j] += v
		}
	}
	for k := range labels {
		for j := range d {
			f.centre[k][j] = float32(sum[k][j] / max(count[k], 1))
		}
	}
	freedom := 0.0
	within := make([]float64, d)
	for i, row := range x {
		if count[y[i]] < 2 {
			continue
		}
		freedom++
		for j, v := range row {
			e := v - float64(f.centre[y[i]][j])
			within[j] += e * e
		}
	}
	for j := range d {
		// Not below a fifth of the overall deviation: with few examples a small
		// deviation is chance.
		f.width[j] = float32(max(math.Sqrt(within[j]/max(freedom-float64(labels), 1)), 0.2))
	}
	return f
}

// distance is the root mean square of the deviations from the label's centre,
// in deviations within labels; sizes are left out, they change with the zoom.
func (f *familiar) distance(x []float64, label int) float64 {
	sum := 0.0
	for j := feature.Sizes; j < len(x); j++ {
		e := (x[j] - float64(f.centre[label][j])) / float64(f.width[j])
		sum += e * e
	}
	return math.Sqrt(sum / float64(len(x)-feature.Sizes))
}

// calibrate sets what is usual from the distances of held-out examples.
func (f *familiar) calibrate(distances []float64) {
	if len(distances) == 0 {
		return
	}
	slices.Sort(distances)
	f.usual = float32(max(distances[len(distances)*95/100], 0.5))
}

// factor is 1 for an object as usual for the label, and falls towards 0 for
// an unusual one.
func (f *familiar) factor(x []float64, label int) float64 { return f.fall(f.distance(x, label)) }

// fall turns a distance into the factor: about a ninth at twice the usual one.
func (f *familiar) fall(distance float64) float64 {
	return math.Exp(-2.2 * max(0, distance/float64(f.usual)-1))
}
