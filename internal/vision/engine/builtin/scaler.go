package builtin

import (
	"math"

	"granary/internal/vision/engine/builtin/feature"
)

const (
	// sizeWeight is how much less the sizes in pixels count: they tell species
	// apart as long as the lab keeps its magnification, and mislead when not.
	sizeWeight = 0.5
	// clip bounds a standardised feature, so that one strange number does not
	// decide.
	clip = 4
)

// scaler standardises features: mean 0, deviation 1 over the training set.
type scaler struct {
	mean, factor []float32
}

func newScaler(x [][]float64) scaler {
	d := len(x[0])
	s := scaler{mean: make([]float32, d), factor: make([]float32, d)}
	for k := range d {
		var mean, squares float64
		for _, row := range x {
			mean += row[k]
		}
		mean /= float64(len(x))
		for _, row := range x {
			squares += (row[k] - mean) * (row[k] - mean)
		}
		deviation := math.Sqrt(squares / float64(len(x)))
		s.mean[k] = float32(mean)
		// A feature that never changes says nothing; its first change would
		// otherwise weigh infinitely.
		if deviation > 1e-6*(1+math.Abs(mean)) {
			s.factor[k] = float32(1 / deviation)
		}
		if k < feature.Sizes {
			s.factor[k] *= sizeWeight
		}
	}
	return s
}

func (s *scaler) apply(features []float64) []float64 {
	out := make([]float64, len(features))
	for k, v := range features {
		out[k] = min(max((v-float64(s.mean[k]))*float64(s.factor[k]), -clip), clip)
	}
	return out
}

func (s *scaler) all(x [][]float64) [][]float64 {
	out := make([][]float64, len(x))
	for i, row := range x {
		out[i] = s.apply(row)
	}
	return out
}
