package descriptor

// fill writes where each number of a vector in pose p comes from.
func (m *move) fill(p Pose) {
	for i := range m.sign {
		m.sign[i] = 1
	}
	m.histogram(p, fineAt, fine)
	m.histogram(p, coarseAt, coarse)
	for c := range 3 {
		at := colourAt + c*patches*patches
		for y := range patches {
			for x := range patches {
				sx, sy := p.place(x, y, patches)
				m.from[at+y*patches+x] = int16(at + sy*patches + sx)
			}
		}
	}
	for k := range waves*waves - 1 {
		u, v := (k+1)%waves, (k+1)/waves
		if p&swapped != 0 {
			u, v = v, u
		}
		m.from[waveAt+k] = int16(waveAt + v*waves + u - 1)
		// A mirrored cosine of odd frequency is its negative.
		if p&mirrorX != 0 && u%2 == 1 {
			m.sign[waveAt+k] *= -1
		}
		if p&mirrorY != 0 && v%2 == 1 {
			m.sign[waveAt+k] *= -1
		}
	}
}

// histogram moves cells with the picture and orientations with the gradient.
func (m *move) histogram(p Pose, at, cells int) {
	for y := range cells {
		for x := range cells {
			sx, sy := p.place(x, y, cells)
			for b := range bins {
				m.from[at+(y*cells+x)*bins+p.bin(b)] = int16(at + (sy*cells+sx)*bins + b)
			}
		}
	}
}

// place returns the place of the upright n×n grid that is seen at x, y.
func (p Pose) place(x, y, n int) (int, int) {
	if p&swapped != 0 {
		x, y = y, x
	}
	if p&mirrorX != 0 {
		x = n - 1 - x
	}
	if p&mirrorY != 0 {
		y = n - 1 - y
	}
	return x, y
}

// bin returns the orientation that a gradient of orientation b has in the
// turned picture: by the chain rule its parts change sign first and are
// swapped then.
func (p Pose) bin(b int) int {
	if p&mirrorX != 0 {
		b = bins/2 - b
	}
	if p&mirrorY != 0 {
		b = -b
	}
	if p&swapped != 0 {
		b = bins/4 - b
	}
	return ((b % bins) + bins) % bins
}
