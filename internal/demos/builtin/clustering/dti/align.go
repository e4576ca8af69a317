package dti

import "math"

const (
	// steps bounds the Gauss–Newton steps of one alignment.
	steps = 8
	// prior weighs the effort of a warp against the mean square difference, so
	// that of two prototypes that fit the one wins that is turned less.
	prior = 0.01
	// damping is added to the curvature, in shares of its mean.
	damping = 0.01
	// anchor pulls contrast to one where a picture tells little of it.
	anchor = 0.01
)

// Colour says how a prototype's channels become a picture's: gain and offset.
type Colour struct{ Gain, Offset [channels]float32 }

func plain() Colour {
	return Colour{Gain: [channels]float32{1, 1, 1}}
}

// subject is a sample that prototypes are aligned to.
type subject struct {
	tint  *tint
	gray  *gray
	plan  *plan
	du    gray // gradient across, per unit of place
	dv    gray
	curve *factor // of the homography's parameters
	bend  *factor // of the spline's
}

// plan is what a stage of the curriculum may move.
type plan struct {
	colour bool
	// params is how many parameters of the homography are free: 0, 6 or 8.
	params int
	spline *Spline
}

// track is where each pixel lies on a prototype.
func (p *plan) track(w *Warp) *[pixels][2]float32 {
	var out [pixels][2]float32
	at := places()
	if w.Spline == nil && w.H[6] == 0 && w.H[7] == 0 { // by far the most frequent
		h := w.H
		for y, v := range at {
			u0, v0 := h[1]*v+h[2], h[4]*v+h[5]
			for x, u := range at {
				out[y*Side+x] = [2]float32{float32(h[0]*u + u0), float32(h[3]*u + v0)}
			}
		}
		return &out
	}
	for i := range out {
		var shares []float32
		if w.Spline != nil {
			shares = p.spline.basis[i]
		}
		u, v := w.Place(at[i%Side], at[i/Side], shares)
		out[i] = [2]float32{float32(u), float32(v)}
	}
	return &out
}

// model is a prototype.
type model struct {
	tint *tint
	gray *gray
}

func newModel(t *tint) *model { return &model{t, t.lightness(2)} }

func newSubject(p *Picture, plan *plan) *subject {
	s := &subject{tint: p.tinted(), plan: plan}
	s.gray = s.tint.lightness(2)
	for y := range Side {
		for x := range Side {
			i := y*Side + x
			s.du[i] = (s.gray[y*Side+min(x+1, Side-1)] - s.gray[y*Side+max(x-1, 0)]) * Side / 4
			s.dv[i] = (s.gray[min(y+1, Side-1)*Side+x] - s.gray[max(y-1, 0)*Side+x]) * Side / 4
		}
	}
	if plan.params > 0 {
		s.curve = s.curvature(plan.params, s.descent)
	}
	if plan.spline != nil {
		s.bend = s.curvature(2*plan.spline.points, s.pull)
	}
	return s
}

// descent writes how the lightness at a pixel changes with each parameter of
// the homography.
func (s *subject) descent(i int, out []float64) {
	u, v := place(i%Side), place(i/Side)
	gu, gv := float64(s.du[i]), float64(s.dv[i])
	out[0], out[1], out[2], out[3], out[4], out[5] = gu*u, gu*v, gu, gv*u, gv*v, gv
	if len(out) == 8 {
		along := gu*u + gv*v
		out[6], out[7] = -along*u, -along*v
	}
}

// pull writes the same for each shift of the spline.
func (s *subject) pull(i int, out []float64) {
	shares := s.plan.spline.basis[i]
	for j, share := range shares {
		out[j] = float64(s.du[i] * share)
		out[len(shares)+j] = float64(s.dv[i] * share)
	}
}

// factor is the Cholesky factor of a damped curvature, row by row.
type factor struct {
	n int
	l []float64
}

// curvature sums the products of what row writes for each pixel and factors
// them.
func (s *subject) curvature(n int, row func(int, []float64)) *factor {
	f := &factor{n, make([]float64, n*n)}
	line := make([]float64, n)
	for i := range pixels {
		if s.du[i] == 0 && s.dv[i] == 0 {
			continue
		}
		row(i, line)
		for a, va := range line {
			for b := range a + 1 {
				f.l[a*n+b] += va * line[b]
			}
		}
	}
	trace := 0.0
	for a := range n {
		trace += f.l[a*n+a]
	}
	for a := range n {
		f.l[a*n+a] += damping*trace/float64(n) + 1e-3
	}
	for a := range n {
		for b := range a + 1 {
			sum := f.l[a*n+b]
			for k := range b {
				sum -= f.l[a*n+k] * f.l[b*n+k]
			}
			if a == b {
				f.l[a*n+a] = math.Sqrt(max(sum, 1e-9))
			} else {
				f.l[a*n+b] = sum / f.l[b*n+b]
			}
		}
	}
	return f
}

// solve replaces x by the step that it asks for.
func (f *factor) solve(x []float64) {
	for a := range f.n {
		for k := range a {
			x[a] -= f.l[a*f.n+k] * x[k]
		}
		x[a] /= f.l[a*f.n+a]
	}
	for a := f.n - 1; a >= 0; a-- {
		for k := a + 1; k < f.n; k++ {
			x[a] -= f.l[k*f.n+a] * x[k]
		}
		x[a] /= f.l[a*f.n+a]
	}
}

// align moves w so that the prototype fits the sample better: the homography
// by inverse compositional steps, with the sample as the template so that its
// curvature serves all prototypes, then the spline.
func (s *subject) align(m *model, w Warp) Warp {
	if s.plan.params > 0 {
		w = s.descend(m, w, s.curve, s.descent, func(w Warp, step []float64) (Warp, bool) {
			h := [9]float64{1 + step[0], step[1], step[2], step[3], 1 + step[4], step[5], 0, 0, 1}
			if len(step) == 8 {
				h[6], h[7] = step[6], step[7]
			}
			next, ok := w.after(h)
			return next, ok && next.sane()
		})
	}
	if s.plan.spline != nil {
		w = s.descend(m, w, s.bend, s.pull, func(w Warp, step []float64) (Warp, bool) {
			next := Warp{H: w.H, Spline: make([]float64, len(step))}
			copy(next.Spline, w.Spline)
			for j, d := range step {
				next.Spline[j] -= d
				if math.Abs(next.Spline[j]) > 0.3 {
					return w, false
				}
			}
			return next, true
		})
	}
	return w
}

// descend makes steps while they help.
func (s *subject) descend(m *model, w Warp, f *factor, row func(int, []float64), move func(Warp, []float64) (Warp, bool)) Warp {
	var difference gray
	best := s.compare(m, &w, &difference)
	line, step := make([]float64, f.n), make([]float64, f.n)
	for range steps {
		clear(step)
		for i, e := range difference {
			if s.du[i] == 0 && s.dv[i] == 0 {
				continue
			}
			row(i, line)
			for a, v := range line {
				step[a] += v * float64(e)
			}
		}
		f.solve(step)
		next, ok := move(w, step)
		if !ok {
			return w
		}
		now := s.compare(m, &next, &difference)
		if now >= best-1e-7 {
			return w
		}
		w, best = next, now
	}
	return w
}

// compare writes the difference in lightness of the warped prototype and the
// sample, and returns its mean square with the warp's effort.
func (s *subject) compare(m *model, w *Warp, out *gray) float64 {
	var sum, sumSquare, cross, own float64
	track := s.plan.track(w)
	for i := range out {
		value := m.gray.at(track[i][0], track[i][1])
		out[i] = value
		sum += float64(value)
		sumSquare += float64(value) * float64(value)
		cross += float64(value) * float64(s.gray[i])
		own += float64(s.gray[i])
	}
	gain, offset := 1.0, 0.0
	if s.plan.colour {
		gain, offset = fit(sum, sumSquare, cross, own)
	}
	total := 0.0
	for i := range out {
		e := float32(gain)*out[i] + float32(offset) - s.gray[i]
		out[i] = e
		total += float64(e) * float64(e)
	}
	return total/pixels + prior*w.effort()
}

// fit returns the gain and offset that bring values to others best, from their
// sums over all pixels.
func fit(sum, sumSquare, cross, other float64) (gain, offset float64) {
	variance := sumSquare/pixels - sum/pixels*sum/pixels
	covariance := cross/pixels - sum/pixels*other/pixels
	gain = min(max((covariance+anchor)/(variance+anchor), 0.3), 3)
	return gain, other/pixels - gain*sum/pixels
}

// distance returns the mean square difference of the sample and the prototype
// as warped and coloured, with the warp's effort.
func (s *subject) distance(m *model, w *Warp) (float64, Colour) {
	var warped tint
	for i, at := range s.plan.track(w) {
		m.tint.at(at[0], at[1], (*[channels]float32)(warped[channels*i:]))
	}
	colour := plain()
	total := 0.0
	for k := range channels {
		if s.plan.colour {
			var sum, square, cross, own float64
			for i := k; i < len(warped); i += channels {
				a, b := float64(warped[i]), float64(s.tint[i])
				sum, square, cross, own = sum+a, square+a*a, cross+a*b, own+b
			}
			gain, offset := fit(sum, square, cross, own)
			colour.Gain[k], colour.Offset[k] = float32(gain), float32(offset)
		}
		for i := k; i < len(warped); i += channels {
			e := colour.Gain[k]*warped[i] + colour.Offset[k] - s.tint[i]
			total += float64(e) * float64(e)
		}
	}
	return total/(pixels*channels) + prior*w.effort(), colour
}
