package descriptor

import (
	"context"
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

const (
	// MaxDim is the largest number of dimensions of a whitened vector.
	MaxDim = 128
	// fewest is the number of pictures below which no directions are learnt:
	// those of a handful of pictures are the pictures themselves.
	fewest = 64
	// sample bounds the pictures from which directions are learnt.
	sample = 2048
	// floor keeps directions of little variance, mostly noise, from being
	// blown up: it is added to every variance, as a part of the mean one.
	floor = 1.0
)

// Space turns vectors as described into unit vectors whose product is the
// likeness of two pictures. Its numbers are exported for storage only.
type Space struct {
	// Dim is the length of a projected vector: Size where nothing was learnt.
	Dim int `json:"dim"`
	// Mean has Size numbers, Basis Dim×Size, by row. Both are empty where
	// nothing was learnt.
	Mean  []float32 `json:"mean"`
	Basis []float32 `json:"basis"`
}

// Plain returns the space of vectors as they are, but of length 1.
func Plain() *Space { return &Space{Dim: Size} }

// Fit learns the space of pictures from raw, their vectors one after the
// other: the principal directions, each scaled to the same variance (PCA
// whitening, Jégou and Chum 2012). Few pictures get Plain.
func (d *Describer) Fit(ctx context.Context, raw []float32) (*Space, error) {
	n := len(raw) / Size
	if n < fewest {
		return Plain(), nil
	}
	used := min(n, sample)
	data := mat.NewDense(used, Size, nil)
	mean := make([]float64, Size)
	for i := range used {
		// Evenly over the data set, whatever its size.
		row := raw[i*n/used*Size:][:Size]
		for k, v := range row {
			data.Set(i, k, float64(v))
			mean[k] += float64(v) / float64(used)
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	mean = d.symmetricMean(mean)
	for i := range used {
		for k, v := range data.RawRowView(i) {
			data.Set(i, k, v-mean[k])
		}
	}
	var covariance mat.SymDense
	covariance.SymOuterK(1/float64(used), data.T())
	symmetric := d.symmetricCovariance(&covariance)
	var eigen mat.EigenSym
	if !eigen.Factorize(symmetric, true) {
		return nil, errors.New("fit descriptors: no eigenvalues found")
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return space(mean, &eigen, min(MaxDim, n/2)), nil
}

// space keeps the dim directions of most variance.
func space(mean []float64, eigen *mat.EigenSym, dim int) *Space {
	values := eigen.Values(nil) // ascending
	var vectors mat.Dense
	eigen.VectorsTo(&vectors)
	var total float64
	for _, v := range values[Size-dim:] {
		total += max(v, 0)
	}
	s := &Space{Dim: dim, Mean: make([]float32, Size), Basis: make([]float32, dim*Size)}
	for k, v := range mean {
		s.Mean[k] = float32(v)
	}
	for i := range dim {
		column := Size - 1 - i
		scale := 1 / math.Sqrt(max(values[column], 0)+floor*total/float64(dim)+1e-12)
		for k := range Size {
			s.Basis[i*Size+k] = float32(vectors.At(k, column) * scale)
		}
	}
	return s
}

// symmetricMean averages a vector over its poses.
func (d *Describer) symmetricMean(mean []float64) []float64 {
	out := make([]float64, Size)
	for p := range d.moves {
		m := &d.moves[p]
		for k := range out {
			out[k] += float64(m.sign[k]) * mean[m.from[k]] / Poses
		}
	}
	return out
}

// symmetricCovariance averages a covariance over the poses of its pictures.
func (d *Describer) symmetricCovariance(c *mat.SymDense) *mat.SymDense {
	out := mat.NewSymDense(Size, nil)
	for p := range d.moves {
		m := &d.moves[p]
		for i := range Size {
			for j := i; j < Size; j++ {
				v := c.At(int(m.from[i]), int(m.from[j])) * float64(m.sign[i]*m.sign[j])
				out.SetSym(i, j, out.At(i, j)+v/Poses)
			}
		}
	}
	return out
}

// Project writes the unit vector of raw to dst, which has Dim numbers. A
// vector without direction stays zero and is like nothing.
func (s *Space) Project(dst, raw []float32) {
	if len(s.Basis) == 0 {
		copy(dst[:s.Dim], raw)
	} else {
		centred := make([]float32, Size)
		for k := range centred {
			centred[k] = raw[k] - s.Mean[k]
		}
		for i := range s.Dim {
			dst[i] = dot(centred, s.Basis[i*Size:(i+1)*Size])
		}
	}
	dst = dst[:s.Dim]
	length := math.Sqrt(float64(dot(dst, dst)))
	if length < 1e-6 {
		clear(dst)
		return
	}
	for i := range dst {
		dst[i] = float32(float64(dst[i]) / length)
	}
}

// Check refuses a space whose parts do not fit together, as one that was read
// from a file may be.
func (s *Space) Check() error {
	learnt := s.Dim >= 1 && s.Dim <= MaxDim && len(s.Mean) == Size && len(s.Basis) == s.Dim*Size
	if !learnt && (s.Dim != Size || len(s.Mean) != 0 || len(s.Basis) != 0) {
		return fmt.Errorf("check descriptor space: %d dimensions with %d and %d numbers", s.Dim, len(s.Mean), len(s.Basis))
	}
	return nil
}
