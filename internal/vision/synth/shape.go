package synth

import "math"

// Shape is an outline that is star-shaped around its centre, given as the
// radius in each direction for a seed whose half length is 1. The zero value
// of each field but Aspect and Power leaves the plain superellipse.
type Shape struct {
	// Aspect is width divided by length, 0..1.
	Aspect float64
	// Power is the superellipse's exponent: 2 is an ellipse, more is boxier.
	Power float64
	// Taper makes one end wider than the other: a teardrop, -0.4..0.4.
	Taper float64
	// Tip is the length of a point at the narrow end, 0..0.5.
	Tip float64
	// Notch is the depth of a hollow in one flank: a kidney, 0..0.4.
	Notch float64
	// Crown is the height of the spines around the tip, 0..0.2.
	Crown float64
	// Wave is the strength of irregular lobes around the outline, 0..0.1.
	Wave float64
}

// radius is the distance from the centre to the outline in direction theta,
// for a half length of 1 before tip and crown. phase varies the lobes.
func (s Shape) radius(theta, phase float64) float64 {
	c, d := math.Cos(theta), math.Sin(theta)
	p := s.Power
	r := math.Pow(math.Pow(math.Abs(c), p)+math.Pow(math.Abs(d)/s.Aspect, p), -1/p)
	if s.Taper != 0 {
		// Widen the flanks behind the centre, narrow them before it.
		r *= 1 - s.Taper*c*math.Abs(d)*2
	}
	if s.Tip > 0 {
		r += s.Tip * bell(theta, 0.16)
	}
	if s.Crown > 0 {
		for _, at := range [...]float64{-0.75, -0.4, 0.4, 0.75} {
			r += s.Crown * bell(wrap(theta-at*s.Aspect*1.3), 0.09)
		}
	}
	if s.Notch > 0 {
		r *= 1 - s.Notch*bell(wrap(theta-math.Pi/2), 0.45)
	}
	if s.Wave > 0 {
		r *= 1 + s.Wave*(math.Cos(5*theta+phase)+0.6*math.Cos(8*theta-2*phase))
	}
	return r
}

func bell(x, width float64) float64 { x /= width; return math.Exp(-x * x) }

func wrap(a float64) float64 {
	for a > math.Pi {
		a -= 2 * math.Pi
	}
	for a < -math.Pi {
		a += 2 * math.Pi
	}
	return a
}

// outlineSteps is how finely an outline is tabulated; at 720 steps the error
// is below a tenth of a pixel for seeds up to 1,000 pixels long.
const outlineSteps = 720

// outline is a Shape tabulated: radius and the cosine that turns a radial
// distance into a distance across the outline.
type outline struct {
	radius [outlineSteps + 1]float64
	across [outlineSteps + 1]float64
	reach  float64
}

func (s Shape) tabulate(phase float64) *outline {
	o := new(outline)
	for i := range outlineSteps {
		o.radius[i] = s.radius(wrap(float64(i)*2*math.Pi/outlineSteps), phase)
		o.reach = max(o.reach, o.radius[i])
	}
	o.radius[outlineSteps] = o.radius[0]
	for i := range outlineSteps {
		next, prev := o.radius[i+1], o.radius[(i+outlineSteps-1)%outlineSteps]
		slope := (next - prev) * outlineSteps / (4 * math.Pi) / o.radius[i]
		o.across[i] = 1 / math.Sqrt(1+slope*slope)
	}
	o.across[outlineSteps] = o.across[0]
	return o
}

// distance is the signed distance from the outline, in half lengths, of a
// point given in the seed's own frame; negative inside. It is exact on the
// outline and approximate away from it.
func (o *outline) distance(u, v float64) float64 {
	rho := math.Hypot(u, v)
	theta := math.Atan2(v, u)
	if theta < 0 {
		theta += 2 * math.Pi
	}
	at := theta * outlineSteps / (2 * math.Pi)
	i := min(int(at), outlineSteps-1)
	f := at - float64(i)
	r := o.radius[i]*(1-f) + o.radius[i+1]*f
	return (rho - r) * (o.across[i]*(1-f) + o.across[i+1]*f)
}
