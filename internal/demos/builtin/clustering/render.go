package clustering

import (
	"context"

	"granary/internal/demos/builtin/clustering/dti"
)

// place is the position of a pixel's middle, -1..1 across a square.
func place(i int) float64 { return (float64(i)+0.5)*2/side - 1 }

// spot returns the pixel left of and above a position and the weights of the
// four around it; positions outside are moved to the edge.
func spot(u, v float64) (int, [4]float32) {
	fx := min(max((u+1)*side/2-0.5, 0), side-1)
	fy := min(max((v+1)*side/2-0.5, 0), side-1)
	x, y := min(int(fx), side-2), min(int(fy), side-2)
	dx, dy := float32(fx-float64(x)), float32(fy-float64(y))
	return y*side + x, [4]float32{(1 - dx) * (1 - dy), dx * (1 - dy), (1 - dx) * dy, dx * dy}
}

// corner is the offset of one of the four pixels around a position.
func corner(j int) int { return j%2 + j/2*side }

// renderer draws the squares of a result.
type renderer struct {
	set    *set
	result dti.Result
	// shares are the spline's of each pixel; nil without a spline.
	shares [][]float32
}

func newRenderer(s *set, result dti.Result) *renderer {
	r := &renderer{set: s, result: result}
	if result.Spline != nil {
		r.shares = make([][]float32, side*side)
		for i := range r.shares {
			r.shares[i] = result.Spline.Shares(place(i%side), place(i/side))
		}
	}
	return r
}

// onto returns where a pixel of a picture lies on its prototype.
func (r *renderer) onto(m *dti.Member, i int) (float64, float64) {
	var shares []float32
	if r.shares != nil {
		shares = r.shares[i]
	}
	return m.Warp.Place(place(i%side), place(i/side), shares)
}

// prototype returns the mean of the pictures of a cluster, each put where its
// warp says and with its colour undone, as it was grouped.
func (r *renderer) prototype(ctx context.Context, members []int) (square, error) {
	sum, weight := newSquare(), newSquare()
	for _, at := range members {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		values, err := r.set.raw(at)
		if err != nil {
			return nil, err
		}
		values = r.set.lifted(values)
		m := &r.result.Members[at]
		for i := range side * side {
			u, v := r.onto(m, i)
			if u < -1.02 || u > 1.02 || v < -1.02 || v > 1.02 {
				continue
			}
			base, weights := spot(u, v)
			for j, w := range weights {
				to := 3 * (base + corner(j))
				for c, gain := range m.Colour.Gain {
					sum[to+c] += w * gain * (values[3*i+c] - m.Colour.Offset[c])
					weight[to+c] += w * gain * gain
				}
			}
		}
	}
	fill(sum, weight)
	return sum, nil
}

// fill divides sums by their weights and spreads what is known to the places
// that no picture reaches: along the rows, then down and up the columns.
func fill(sum, weight square) {
	const little = 1e-3
	for i := range sum {
		if weight[i] > little {
			sum[i] /= weight[i]
		}
	}
	spread := func(at, from int) {
		if weight[at] <= little && weight[from] > little {
			sum[at], weight[at] = sum[from], weight[from]
		}
	}
	const row = 3 * side
	for y := range side {
		for i := 3; i < row; i++ {
			spread(y*row+i, y*row+i-3)
		}
		for i := row - 4; i >= 0; i-- {
			spread(y*row+i, y*row+i+3)
		}
	}
	for i := row; i < len(sum); i++ {
		spread(i, i-row)
	}
	for i := len(sum) - row - 1; i >= 0; i-- {
		spread(i, i+row)
	}
}

// transformed returns what a prototype makes of a picture, to look at.
func (r *renderer) transformed(prototype square, at int) square {
	m, out := &r.result.Members[at], newSquare()
	for i := range side * side {
		base, weights := spot(r.onto(m, i))
		for c := range 3 {
			value := float32(0)
			for j, w := range weights {
				value += w * prototype[3*(base+corner(j))+c]
			}
			out[3*i+c] = m.Colour.Gain[c]*value + m.Colour.Offset[c]
		}
	}
	return r.set.shown(out)
}
