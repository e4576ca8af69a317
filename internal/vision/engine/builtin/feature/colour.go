package feature

import "math"

// hues is the number of bins of the hue histogram.
const hues = 8

// colour returns the colour features in the order of colourNames: statistics
// over the mask in CIE Lab, the hue histogram weighted by chroma (Swain &
// Ballard 1991, on Lab's hue angle), the difference between rim and core, and
// the difference from the ground.
func colour(c *canvas, mask []bool, m *moments, ground [3]float32) []float64 {
	n := int(m.area)
	var channel [3][]float32
	var core, rim [3]float64
	cores := 0.0
	var hue [hues]float64
	chroma := 0.0
	for k := range channel {
		channel[k] = make([]float32, 0, n)
	}
	arc := arcs()
	for y := range c.h {
		dy := float64(y) - m.y
		for x, set := range mask[y*c.w : (y+1)*c.w] {
			if !set {
				continue
			}
			i := y*c.w + x
			pixel := [3]float64{float64(c.l[i]), float64(c.a[i]), float64(c.b[i])}
			side := &rim
			if m.radius(float64(x)-m.x, dy) < 0.4 {
				side = &core
				cores++
			}
			for k, v := range pixel {
				channel[k] = append(channel[k], float32(v))
				side[k] += v
			}
			strength := math.Sqrt(pixel[1]*pixel[1] + pixel[2]*pixel[2])
			chroma += strength
			// Shared between the two nearest bins, so that a hue on a border does
			// not jump.
			at := arc.tangent(pixel[2], pixel[1])/(2*math.Pi)*hues + hues
			low := int(at)
			hue[low%hues] += strength * (1 - (at - float64(low)))
			hue[(low+1)%hues] += strength * (at - float64(low))
		}
	}
	rims := m.area - cores
	out := make([]float64, 0, colourCount)
	for k := range channel {
		mean, deviation := spread(channel[k])
		out = append(out, mean, deviation)
		out = append(out, quantiles(channel[k], 0.1, 0.5, 0.9)...)
	}
	out = append(out, chroma/m.area)
	for _, h := range hue {
		// The constant keeps the hues of a grey object at nothing.
		out = append(out, h/(chroma+2*m.area))
	}
	for k := range core {
		out = append(out, core[k]/max(cores, 1)-rim[k]/max(rims, 1))
	}
	for k := range core {
		out = append(out, (core[k]+rim[k])/m.area-float64(ground[k]))
	}
	return out
}

func spread(v []float32) (mean, deviation float64) {
	for _, x := range v {
		mean += float64(x)
	}
	mean /= float64(len(v))
	for _, x := range v {
		deviation += (float64(x) - mean) * (float64(x) - mean)
	}
	return mean, math.Sqrt(deviation / float64(len(v)))
}

// quantiles returns rising quantiles of Lab values to a quarter of a unit,
// which a histogram gives in one pass.
func quantiles(v []float32, shares ...float64) []float64 {
	const low, bins = -128, 1024
	var histogram [bins]int32
	for _, x := range v {
		histogram[min(max(int((x-low)*4), 0), bins-1)]++
	}
	out := make([]float64, 0, len(shares))
	seen := 0
	for i, n := range histogram {
		if len(out) == len(shares) {
			break
		}
		seen += int(n)
		for len(out) < len(shares) && float64(seen) > shares[len(out)]*float64(len(v)-1) {
			out = append(out, low+(float64(i)+0.5)/4)
		}
	}
	return out
}
