package segment

import "math"

// Isolate finds the one object that a crop shows: the crop's Lab planes, w × h
// each, in; its mask and the ground's colour out. The box of a crop is often
// tight, so the ground is looked for in the part of the border that fills the
// corners and differs from the middle. found is false when no ground can be told from the
// object; the mask is then the ellipse inscribed in the crop.
func Isolate(l, a, b []float32, w, h int) (mask []bool, ground [3]float32, found bool) {
	ground, found = frame(l, a, b, w, h)
	if found {
		c := against(l, a, b, w, h, ground)
		if mask, found = c.central(); found {
			return mask, ground, true
		}
	}
	mask = make([]bool, w*h)
	for y := range h {
		for x := range w {
			u, v := (2*float64(x)+1)/float64(w)-1, (2*float64(y)+1)/float64(h)-1
			mask[y*w+x] = u*u+v*v <= 1
		}
	}
	return mask, ground, false
}

// swatch is a border pixel's colour and whether it lies near a corner, where
// even a tight box shows ground beside anything that is not a rectangle.
type swatch struct {
	colour [3]float32
	corner bool
}

// frame parts the border pixels into two groups by colour (2-means) and takes
// for the ground the one that fills the corners more and differs more from the
// crop's middle.
func frame(l, a, b []float32, w, h int) (ground [3]float32, found bool) {
	ring := make([]swatch, 0, min(4*(w+h), w*h))
	middle := make([][3]float32, 0, w*h/4)
	across := make([]float64, w)
	for x := range across {
		across[x] = (2*float64(x)+1)/float64(w) - 1
	}
	for y := range h {
		v := (2*float64(y)+1)/float64(h) - 1
		edge := y < 2 || y >= h-2
		for x, u := range across {
			i := y*w + x
			if edge || x < 2 || x >= w-2 {
				ring = append(ring, swatch{[3]float32{l[i], a[i], b[i]}, math.Abs(u) > 0.75 && math.Abs(v) > 0.75})
			} else if u*u+v*v < 0.16 {
				middle = append(middle, [3]float32{l[i], a[i], b[i]})
			}
		}
	}
	if len(ring) == 0 || len(middle) == 0 {
		return ground, false
	}
	typical := medoid(middle)
	groups, apartness := halves(ring, typical)
	// Two groups alike: the whole border is ground.
	if len(groups[1]) == 0 || apartness < 2*least {
		ground = medoid(colours(ring))
		return ground, apart(ground, typical) > least
	}
	var merit [2]float64
	for k, group := range groups {
		corners := 0.0
		for _, s := range group {
			if s.corner {
				corners++
			}
		}
		merit[k] = (corners + 1) * float64(apart(medoid(colours(group)), typical)+least)
	}
	k := 0
	if merit[1] > merit[0] {
		k = 1
	}
	ground = medoid(colours(groups[k]))
	return ground, apart(ground, typical) > least
}

// halves parts the border by 2-means, started from its extremes as seen from
// the middle, and tells how far apart the two means are.
func halves(ring []swatch, typical [3]float32) (groups [2][]swatch, apartness float32) {
	means := [2][3]float32{ring[0].colour, ring[0].colour}
	for _, s := range ring {
		d := apart(s.colour, typical)
		if d < apart(means[0], typical) {
			means[0] = s.colour
		}
		if d > apart(means[1], typical) {
			means[1] = s.colour
		}
	}
	groups = [2][]swatch{make([]swatch, 0, len(ring)), make([]swatch, 0, len(ring))}
	for range 8 {
		groups = [2][]swatch{groups[0][:0], groups[1][:0]}
		before := means
		var sum [2][3]float32
		for _, s := range ring {
			k := 0
			if apart(s.colour, means[1]) < apart(s.colour, means[0]) {
				k = 1
			}
			groups[k] = append(groups[k], s)
			for c, v := range s.colour {
				sum[k][c] += v
			}
		}
		for k, group := range groups {
			if len(group) == 0 {
				return [2][]swatch{ring, nil}, 0
			}
			for c := range 3 {
				means[k][c] = sum[k][c] / float32(len(group))
			}
		}
		if means == before {
			break // and so would every further round
		}
	}
	return groups, apart(means[0], means[1])
}

func colours(swatches []swatch) [][3]float32 {
	out := make([][3]float32, len(swatches))
	for i, s := range swatches {
		out[i] = s.colour
	}
	return out
}

// medoid is the median of each channel, of at most some 200 colours.
func medoid(colours [][3]float32) (m [3]float32) {
	every := 1 + len(colours)/200
	v := make([]float64, 0, 200)
	for c := range m {
		v = v[:0]
		for i := 0; i < len(colours); i += every {
			v = append(v, float64(colours[i][c]))
		}
		m[c] = float32(median(v))
	}
	return m
}

func apart(p, q [3]float32) float32 {
	x, y, z := p[0]-q[0], p[1]-q[1], p[2]-q[2]
	return float32(math.Sqrt(float64(x*x + y*y + z*z)))
}

// against measures the contrast to a ground of one colour.
func against(l, a, b []float32, w, h int, colour [3]float32) *contrast {
	c := &contrast{w: w, h: h, d: make([]float32, w*h), dark: make([]bool, w*h)}
	for i := range c.d {
		c.set(i, l[i]-colour[0], a[i]-colour[1], b[i]-colour[2])
	}
	// The scatter of whole pictures says nothing here, where most pixels are
	// the object's; Otsu's threshold is a fair half of its contrast.
	c.threshold = max(least, float32(otsu(c.histogram()[:]))/(2*scale))
	return c
}

// central returns the mask of the region that covers most of the middle.
// Pixels near the centre count more, so that a neighbour reaching into a
// corner is left out.
func (c *contrast) central() ([]bool, bool) {
	mask, _ := c.find()
	regions, runs := connect(mask, c.w, c.h, true, true)
	weight := make([]float64, len(regions))
	for _, r := range runs {
		v := (2*float64(r.y)+1)/float64(c.h) - 1
		for x := r.from; x < r.to; x++ {
			u := (2*float64(x)+1)/float64(c.w) - 1
			weight[r.parent] += max(0, 1.5-u*u-v*v)
		}
	}
	best := -1
	for k := range regions {
		if best < 0 || weight[k] > weight[best] {
			best = k
		}
	}
	if best < 0 || regions[best].area*20 < c.w*c.h {
		return nil, false
	}
	clear(mask)
	for _, r := range runs {
		if int(r.parent) == best {
			line := mask[int(r.y)*c.w+int(r.from) : int(r.y)*c.w+int(r.to)]
			for i := range line {
				line[i] = true
			}
		}
	}
	return mask, true
}
