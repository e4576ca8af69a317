package segment

import (
	"math"
	"slices"
)

// terms is the number of monomials of a ground: all of degree three and below
// in x and y. A cubic follows falling light and vignetting without following
// objects.
const terms = 10

// noisy is the scatter of the border, in Lab units, above which the planes are
// smoothed.
const noisy = 0.8

// ground is the picture's background: a polynomial per Lab channel over
// coordinates in -1..1, and how much its pixels scatter around it.
type ground struct {
	w, h  int
	coef  [3][terms]float64
	noise [3]float64 // robust standard deviation per channel, Lab units
	// weight makes a channel that scatters more than one unit count less, so
	// that distances are in units of at least the noise.
	weight [3]float32
	// scatter is the median distance of the ground's own pixels, so weighted.
	scatter float64
}

// sample is one pixel that may belong to the ground.
type sample struct {
	basis [terms]float64
	lab   [3]float64
	// weight is Tukey's: 0 for an outlier, 1 for a pixel on the surface.
	weight float64
}

func basis(x, y float64) [terms]float64 {
	return [terms]float64{1, x, y, x * x, x * y, y * y, x * x * x, x * x * y, x * y * y, y * y * y}
}

func (g *ground) coordinates(x, y int) (u, v float64) {
	return 2*(float64(x)+0.5)/float64(g.w) - 1, 2*(float64(y)+0.5)/float64(g.h) - 1
}

// estimate fits the ground. First to the border, which objects rarely fill by
// half: its median, then a plane, then a quadric, each by iterated weighted
// least squares with Tukey's weights (Holland & Welsch 1977). Then to all
// pixels that agree, as a cubic, so that the middle is not extrapolated.
//
// A noisy picture's planes are smoothed on the way.
func estimate(p *planes) *ground {
	g := &ground{w: p.w, h: p.h}
	ring := g.ring(p)
	for c := range 3 {
		g.coef[c][0] = median(values(ring, func(s *sample) float64 { return s.lab[c] }))
	}
	g.fit(ring, 3, 5, 4, 2)
	g.fit(ring, 6, 4, 2, 2)
	if max(g.noise[0], g.noise[1], g.noise[2]) > noisy {
		for _, plane := range [...][]float32{p.l, p.a, p.b} {
			smooth(plane, p.w, p.h)
		}
	}
	inner := g.grid(p)
	g.fit(inner, 6, 2, 1.5, 4)
	g.fit(inner, terms, 4, 1.2, 4)
	for c := range 3 {
		g.weight[c] = float32(1 / max(1, g.noise[c]))
	}
	g.scatter = g.spread(inner)
	return g
}

// ring samples a frame of 2 % of the shorter side, at most 4,000 pixels.
func (g *ground) ring(p *planes) []sample {
	thick := max(1, min(p.w, p.h)/50)
	return g.pick(p, 4000, 2*thick*(p.w+p.h), func(x, y int) bool {
		return x < thick || y < thick || x >= p.w-thick || y >= p.h-thick
	})
}

// grid samples the whole picture, at most 6,000 pixels.
func (g *ground) grid(p *planes) []sample {
	return g.pick(p, 6000, p.w*p.h, func(int, int) bool { return true })
}

// pick takes about every n-th candidate. The stride is walked through in each
// row with another offset, so that no pattern of the picture is met in step.
func (g *ground) pick(p *planes, limit, candidates int, in func(x, y int) bool) []sample {
	every := max(1, candidates/limit)
	picked := make([]sample, 0, min(limit, candidates)+p.h)
	for y := range p.h {
		seen := y * 7919 % every
		for x := 0; x < p.w; x++ {
			if !in(x, y) {
				// Skip the inside of a ring in one step.
				if mid := p.w - x - 1; x < mid && !in(mid, y) {
					x = mid
				}
				continue
			}
			if seen++; seen < every {
				continue
			}
			seen = 0
			u, v := g.coordinates(x, y)
			i := y*p.w + x
			picked = append(picked, sample{basis: basis(u, v), lab: [3]float64{float64(p.l[i]), float64(p.a[i]), float64(p.b[i])}, weight: 1})
		}
	}
	return picked
}

// fit adjusts the first n terms in rounds of weighting and solving. floor is
// the least spread, in Lab units, that counts as scatter: it starts wide, so
// that a slope is not taken for outliers. One in share of the samples is
// trusted to be ground.
func (g *ground) fit(samples []sample, n, rounds int, floor float64, share int) {
	if len(samples) < 4*n {
		return
	}
	distance := make([]float64, len(samples))
	for range rounds {
		for i := range samples {
			sum := 0.0
			for c := range 3 {
				d := samples[i].lab[c] - dot(&g.coef[c], &samples[i].basis)
				sum += d * d
			}
			distance[i] = math.Sqrt(sum)
		}
		// The nearest samples belong to the ground even when objects cover most
		// of the others: the median of the trusted ones tells the spread.
		spread := max(floor, 1.5*typical(distance, share))
		cut := 3 * spread
		for i := range samples {
			t := distance[i] / cut
			samples[i].weight = 0
			if t < 1 {
				samples[i].weight = (1 - t*t) * (1 - t*t)
			}
		}
		g.solve(samples, n)
	}
	for c := range 3 {
		residual := make([]float64, 0, len(samples))
		for i := range samples {
			if samples[i].weight > 0.1 {
				residual = append(residual, math.Abs(samples[i].lab[c]-dot(&g.coef[c], &samples[i].basis)))
			}
		}
		g.noise[c] = 1.4826 * median(residual)
	}
}

// typical is the median distance when objects are few (share 2), or what it
// would be, judged from the nearest quarter (share 4): for a spread in two to
// three dimensions the quartile is about 0.7 of the median.
func typical(distance []float64, share int) float64 {
	v := slices.Clone(distance)
	if share == 2 {
		return median(v)
	}
	return quantile(v, len(v)/4) / 0.7
}

// spread is the median weighted distance of the samples that fit.
func (g *ground) spread(samples []sample) float64 {
	distance := make([]float64, 0, len(samples))
	for i := range samples {
		if samples[i].weight <= 0.1 {
			continue
		}
		sum := 0.0
		for c := range 3 {
			d := (samples[i].lab[c] - dot(&g.coef[c], &samples[i].basis)) * float64(g.weight[c])
			sum += d * d
		}
		distance = append(distance, math.Sqrt(sum))
	}
	return median(distance)
}

// solve does one weighted least squares step by Cholesky; a singular system
// (too few samples of weight) leaves the coefficients as they are.
func (g *ground) solve(samples []sample, n int) {
	var m [terms][terms]float64
	var rhs [3][terms]float64
	for i := range samples {
		s := &samples[i]
		if s.weight == 0 {
			continue
		}
		for r := range n {
			wr := s.weight * s.basis[r]
			for c := 0; c <= r; c++ {
				m[r][c] += wr * s.basis[c]
			}
			for c := range 3 {
				rhs[c][r] += wr * s.lab[c]
			}
		}
	}
	for r := range n {
		m[r][r] += 1e-6 * (m[0][0] + 1)
		for c := 0; c <= r; c++ {
			for k := range c {
				m[r][c] -= m[r][k] * m[c][k]
			}
			if r != c {
				m[r][c] /= m[c][c]
			} else if m[r][r] <= 1e-9 {
				return
			} else {
				m[r][r] = math.Sqrt(m[r][r])
			}
		}
	}
	for c := range 3 {
		var x [terms]float64
		for r := range n {
			x[r] = rhs[c][r]
			for k := range r {
				x[r] -= m[r][k] * x[k]
			}
			x[r] /= m[r][r]
		}
		for r := n - 1; r >= 0; r-- {
			for k := r + 1; k < n; k++ {
				x[r] -= m[k][r] * x[k]
			}
			x[r] /= m[r][r]
		}
		g.coef[c] = x
	}
}

// row is the ground along one row: cubics in u, one per channel.
type row [3][4]float64

func (g *ground) row(v float64) row {
	var r row
	for c := range 3 {
		k := &g.coef[c]
		r[c] = [4]float64{k[0] + v*(k[2]+v*(k[5]+v*k[9])), k[1] + v*(k[4]+v*k[8]), k[3] + v*k[7], k[6]}
	}
	return r
}

// at is the ground's colour at u.
func (r *row) at(c int, u float64) float32 {
	k := &r[c]
	return float32(k[0] + u*(k[1]+u*(k[2]+u*k[3])))
}

// difference is the weighted difference of one colour from the ground.
func (g *ground) difference(r *row, u float64, l, a, b float32) (dl, da, db float32) {
	return (l - r.at(0, u)) * g.weight[0], (a - r.at(1, u)) * g.weight[1], (b - r.at(2, u)) * g.weight[2]
}

func dot(a, b *[terms]float64) float64 {
	sum := 0.0
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}

func values(samples []sample, of func(*sample) float64) []float64 {
	out := make([]float64, len(samples))
	for i := range samples {
		out[i] = of(&samples[i])
	}
	return out
}

// median reorders v. It is 0 for an empty slice.
func median(v []float64) float64 { return quantile(v, len(v)/2) }

// quantile returns the k-th smallest value and reorders v; it is 0 for an empty
// slice. Hoare's selection (1961) with the middle as pivot is linear on average
// and needs no sort.
func quantile(v []float64, k int) float64 {
	if len(v) == 0 {
		return 0
	}
	for low, high := 0, len(v)-1; low < high; {
		pivot := v[low+(high-low)/2]
		i, j := low, high
		for i <= j {
			for v[i] < pivot {
				i++
			}
			for v[j] > pivot {
				j--
			}
			if i <= j {
				v[i], v[j] = v[j], v[i]
				i++
				j--
			}
		}
		switch {
		case k <= j:
			high = j
		case k >= i:
			low = i
		default:
			return v[k]
		}
	}
	return v[k]
}
