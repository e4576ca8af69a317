package segment

import "math"

// Isolate finds the one object that a crop shows: the crop's Lab planes, w × h
// each, in; its mask and the ground's colour out. The box of a crop is often
// tight, so the ground is looked for in the part of the border that differs
// most from the middle. found is false when no ground can be told from the
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

// frame parts the border pixels into two groups by colour (2-means) and takes
// the one farther from the crop's middle for the ground.
func frame(l, a, b []float32, w, h int) (ground [3]float32, found bool) {
	at := func(i int) [3]float32 { return [3]float32{l[i], a[i], b[i]} }
	var ring, middle [][3]float32
	for y := range h {
		for x := range w {
			u, v := (2*float64(x)+1)/float64(w)-1, (2*float64(y)+1)/float64(h)-1
			switch {
			case x < 2 || y < 2 || x >= w-2 || y >= h-2:
				ring = append(ring, at(y*w+x))
			case u*u+v*v < 0.16:
				middle = append(middle, at(y*w+x))
			}
		}
	}
	if len(ring) == 0 || len(middle) == 0 {
		return ground, false
	}
	typical := medoid(middle)
	// Start from the border's extremes as seen from the middle.
	near, far := ring[0], ring[0]
	for _, c := range ring {
		if apart(c, typical) < apart(near, typical) {
			near = c
		}
		if apart(c, typical) > apart(far, typical) {
			far = c
		}
	}
	var group [][3]float32
	for range 8 {
		var sum [2][3]float32
		var count [2]float32
		group = group[:0]
		for _, c := range ring {
			k := 0
			if apart(c, far) < apart(c, near) {
				k = 1
				group = append(group, c)
			}
			count[k]++
			for i := range c {
				sum[k][i] += c[i]
			}
		}
		if count[0] == 0 || count[1] == 0 {
			break
		}
		for i := range 3 {
			near[i], far[i] = sum[0][i]/count[0], sum[1][i]/count[1]
		}
	}
	// One group only, or two alike: the whole border is ground.
	if len(group) == 0 || apart(near, far) < 2*least {
		group = ring
	}
	ground = medoid(group)
	return ground, apart(ground, typical) > least
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
	g := &ground{w: w, h: h, weight: [3]float32{1, 1, 1}}
	for c := range colour {
		g.coef[c][0] = float64(colour[c])
	}
	c := measure(&planes{w: w, h: h, step: 1, l: l, a: a, b: b}, g)
	// The scatter of whole pictures says nothing here, where most pixels are
	// the object's; Otsu's threshold is a fair half of its contrast.
	c.threshold = max(least, float32(otsu(c.histogram()[:]))/(2*scale))
	return c
}

// central returns the mask of the region that covers most of the middle.
// Pixels near the centre count more, so that a neighbour reaching into a
// corner is left out.
func (c *contrast) central() ([]bool, bool) {
	mask := c.find()
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
