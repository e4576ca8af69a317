package dti

import "math"

// Warp says where each place of a picture lies on its prototype, both -1..1
// from the left and upper to the right and lower edge: first each place is
// moved by a thin plate spline, then by a homography.
type Warp struct {
	// H is the homography, row by row, with H[8] = 1.
	H [9]float64
	// Spline holds the shifts of the control points: all across, then all
	// down; nil for none.
	Spline []float64
}

// still is the warp that moves nothing.
func still() Warp { return Warp{H: [9]float64{1, 0, 0, 0, 1, 0, 0, 0, 1}} }

// turned returns a rotation by angle in radians, a scaling and a shift.
func turned(angle, scale, du, dv float64) Warp {
	sin, cos := math.Sincos(angle)
	return Warp{H: [9]float64{scale * cos, -scale * sin, du, scale * sin, scale * cos, dv, 0, 0, 1}}
}

// project applies the homography.
func (w *Warp) project(u, v float64) (float64, float64) {
	z := w.H[6]*u + w.H[7]*v + 1
	return (w.H[0]*u + w.H[1]*v + w.H[2]) / z, (w.H[3]*u + w.H[4]*v + w.H[5]) / z
}

// after returns the homography of w applied after that of step is undone; ok
// is false when step cannot be.
func (w *Warp) after(step [9]float64) (Warp, bool) {
	s := step
	inverse := [9]float64{
		s[4]*s[8] - s[5]*s[7], s[2]*s[7] - s[1]*s[8], s[1]*s[5] - s[2]*s[4],
		s[5]*s[6] - s[3]*s[8], s[0]*s[8] - s[2]*s[6], s[2]*s[3] - s[0]*s[5],
		s[3]*s[7] - s[4]*s[6], s[1]*s[6] - s[0]*s[7], s[0]*s[4] - s[1]*s[3],
	}
	out := Warp{Spline: w.Spline}
	for i := range 3 {
		for j := range 3 {
			out.H[3*i+j] = w.H[3*i]*inverse[j] + w.H[3*i+1]*inverse[3+j] + w.H[3*i+2]*inverse[6+j]
		}
	}
	if z := out.H[8]; math.Abs(z) > 1e-6 {
		for i := range out.H {
			out.H[i] /= z
		}
		return out, true
	}
	return out, false
}

// effort is the mean square by which the corners and the control points move.
func (w *Warp) effort() float64 {
	sum := 0.0
	for _, corner := range [4][2]float64{{-1, -1}, {1, -1}, {-1, 1}, {1, 1}} {
		u, v := w.project(corner[0], corner[1])
		sum += ((u-corner[0])*(u-corner[0]) + (v-corner[1])*(v-corner[1])) / 4
	}
	for _, d := range w.Spline {
		sum += 2 * d * d / float64(len(w.Spline))
	}
	return sum
}

// sane reports whether a warp neither folds the picture nor makes it a speck
// or a giant.
func (w *Warp) sane() bool {
	for _, corner := range [4][2]float64{{-1, -1}, {1, -1}, {-1, 1}, {1, 1}} {
		if w.H[6]*corner[0]+w.H[7]*corner[1]+1 < 0.4 {
			return false
		}
		if u, v := w.project(corner[0], corner[1]); math.Abs(u) > 3 || math.Abs(v) > 3 {
			return false
		}
	}
	area := w.H[0]*w.H[4] - w.H[1]*w.H[3]
	return area > 0.2 && area < 5
}

// Spline is the basis of thin plate splines over a grid of control points that
// spans the picture: F. Bookstein, Principal warps, IEEE PAMI 11 (1989).
type Spline struct {
	// points is how many control points there are.
	points int
	// spread is the inverse of the spline's system: a row for each control
	// point, as far as values of the control points are concerned.
	spread [][]float64
	at     [][2]float64
	// basis holds, for each pixel of a picture, the share of each point.
	basis [][]float32
}

// newSpline returns the basis over grid×grid points.
func newSpline(grid int) *Spline {
	n := grid * grid
	s := &Spline{points: n}
	for y := range grid {
		for x := range grid {
			s.at = append(s.at, [2]float64{-1 + 2*float64(x)/float64(grid-1), -1 + 2*float64(y)/float64(grid-1)})
		}
	}
	system := make([][]float64, n+3)
	for i := range system {
		system[i] = make([]float64, n+3)
	}
	for i, p := range s.at {
		for j, q := range s.at {
			system[i][j] = bend(p, q)
		}
		for j, v := range [3]float64{1, p[0], p[1]} {
			system[i][n+j], system[n+j][i] = v, v
		}
	}
	s.spread = invert(system)
	s.basis = make([][]float32, pixels)
	for i := range s.basis {
		s.basis[i] = s.Shares(place(i%Side), place(i/Side))
	}
	return s
}

// bend is the kernel r²·log r².
func bend(p, q [2]float64) float64 {
	r := (p[0]-q[0])*(p[0]-q[0]) + (p[1]-q[1])*(p[1]-q[1])
	if r == 0 {
		return 0
	}
	return r * math.Log(r)
}

// Shares returns how much of each control point's shift a place takes.
func (s *Spline) Shares(u, v float64) []float32 {
	out := make([]float32, s.points)
	row := make([]float64, s.points+3)
	for j, q := range s.at {
		row[j] = bend([2]float64{u, v}, q)
	}
	row[s.points], row[s.points+1], row[s.points+2] = 1, u, v
	for j := range out {
		sum := 0.0
		for k, r := range row {
			sum += r * s.spread[k][j]
		}
		out[j] = float32(sum)
	}
	return out
}

// invert inverts a square matrix by elimination with pivots; the thin plate
// system always has an inverse.
func invert(m [][]float64) [][]float64 {
	n := len(m)
	out := make([][]float64, n)
	for i := range out {
		out[i] = make([]float64, n)
		out[i][i] = 1
	}
	for c := range n {
		best := c
		for r := c + 1; r < n; r++ {
			if math.Abs(m[r][c]) > math.Abs(m[best][c]) {
				best = r
			}
		}
		m[c], m[best] = m[best], m[c]
		out[c], out[best] = out[best], out[c]
		scale := 1 / m[c][c]
		for j := range n {
			m[c][j] *= scale
			out[c][j] *= scale
		}
		for r := range n {
			if factor := m[r][c]; r != c && factor != 0 {
				for j := range n {
					m[r][j] -= factor * m[c][j]
					out[r][j] -= factor * out[c][j]
				}
			}
		}
	}
	return out
}

// Place returns where a place of the picture lies on the prototype; shares are
// the spline's of that place, nil without one.
func (w *Warp) Place(u, v float64, shares []float32) (float64, float64) {
	if w.Spline != nil && shares != nil {
		n := len(shares)
		du, dv := 0.0, 0.0
		for j, s := range shares {
			du += float64(s) * w.Spline[j]
			dv += float64(s) * w.Spline[n+j]
		}
		u, v = u+du, v+dv
	}
	return w.project(u, v)
}
