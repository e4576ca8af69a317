package dti

import "math"

const (
	// coarseSide is the side at which poses are searched.
	coarseSide   = Side / 2
	coarsePixels = coarseSide * coarseSide
)

// coarse is a smoothed picture of half the size.
type coarse [coarsePixels]float32

// coarsened samples the lightness through a warp.
func (g *gray) coarsened(w *Warp) *coarse {
	var out coarse
	for i := range out {
		u := (float64(i%coarseSide)+0.5)*2/coarseSide - 1
		v := (float64(i/coarseSide)+0.5)*2/coarseSide - 1
		u, v = w.project(u, v)
		out[i] = g.at(float32(u), float32(v))
	}
	return &out
}

// centred subtracts the mean and returns the rest's norm; it is left with that
// norm.
func (c *coarse) centred() float64 {
	sum := float32(0)
	for _, v := range c {
		sum += v
	}
	sum /= coarsePixels
	norm := 0.0
	for i := range c {
		c[i] -= sum
		norm += float64(c[i]) * float64(c[i])
	}
	return math.Sqrt(norm)
}

func (c *coarse) dot(o *coarse) float64 {
	var a, b, d, e float32
	for i := 0; i < coarsePixels; i += 4 {
		a += c[i] * o[i]
		b += c[i+1] * o[i+1]
		d += c[i+2] * o[i+2]
		e += c[i+3] * o[i+3]
	}
	return float64(a) + float64(b) + float64(d) + float64(e)
}

// poses returns the coarse poses that are searched: turns, scales and shifts,
// as far apart as Gauss–Newton steps reach; without movement the one pose.
func poses(move bool) []Warp {
	if !move {
		return []Warp{still()}
	}
	var out []Warp
	for _, angle := range [5]float64{0, -0.52, -0.26, 0.26, 0.52} {
		for _, scale := range [3]float64{1, 0.8, 1.25} {
			for _, du := range [3]float64{0, -0.3, 0.3} {
				for _, dv := range [3]float64{0, -0.3, 0.3} {
					out = append(out, turned(angle, scale, du, dv))
				}
			}
		}
	}
	return out
}

// bank is a prototype in every pose.
type bank struct {
	views []*coarse
	norms []float64
}

// newBank renders the poses.
func newBank(m *model, poses []Warp, colour bool) bank {
	b := bank{make([]*coarse, len(poses)), make([]float64, len(poses))}
	for i := range poses {
		b.views[i] = m.gray.coarsened(&poses[i])
		if colour {
			b.norms[i] = b.views[i].centred()
		} else {
			b.norms[i] = math.Sqrt(b.views[i].dot(b.views[i]))
		}
	}
	return b
}

// probe is a sample to search for in banks.
type probe struct {
	view *coarse
	norm float64
}

func newProbe(g *gray, colour bool) probe {
	identity := still()
	p := probe{view: g.coarsened(&identity)}
	if colour {
		p.norm = p.view.centred()
	} else {
		p.norm = math.Sqrt(p.view.dot(p.view))
	}
	return p
}

// nearest returns the best pose and its mean square difference with the pose's
// effort; with colour that which is left after the best gain and offset.
func (p probe) nearest(b bank, efforts []float64, colour bool) (int, float64) {
	best, least := 0, math.Inf(1)
	for i, view := range b.views {
		dot := p.view.dot(view)
		left := p.norm*p.norm + b.norms[i]*b.norms[i] - 2*dot
		if colour {
			const floor = anchor * coarsePixels
			gain := min(max((dot+floor)/(b.norms[i]*b.norms[i]+floor), 0.3), 3)
			left = p.norm*p.norm + gain*gain*b.norms[i]*b.norms[i] - 2*gain*dot
		}
		if left = left/coarsePixels + prior*efforts[i]; left < least {
			best, least = i, left
		}
	}
	return best, least
}
