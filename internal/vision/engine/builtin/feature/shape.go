package feature

import (
	"math"
	"math/cmplx"
	"slices"
)

// outline traces the outer boundary of a mask by radial sweep (Moore
// neighbours), clockwise, as pixel centres. The mask is one region.
func outline(mask []bool, w, h int) []complex128 {
	set := func(x, y int) bool { return x >= 0 && y >= 0 && x < w && y < h && mask[y*w+x] }
	start := slices.Index(mask, true)
	if start < 0 {
		return nil
	}
	around := [8][2]int{{1, 0}, {1, 1}, {0, 1}, {-1, 1}, {-1, 0}, {-1, -1}, {0, -1}, {1, -1}}
	x, y := start%w, start/w
	sx, sy := x, y
	var path []complex128
	// The pixel was entered from above, which is clear by choice of the start.
	from := 6
	first := -1
	for range 4 * len(mask) {
		next := -1
		for k := 1; k <= 8; k++ {
			d := (from + k) % 8
			if set(x+around[d][0], y+around[d][1]) {
				next = d
				break
			}
		}
		if next < 0 {
			return append(path, complex(float64(x), float64(y)))
		}
		// Jacob's criterion: done when the start is left the same way again.
		if x == sx && y == sy {
			if first == next {
				break
			}
			if first < 0 {
				first = next
			}
		}
		path = append(path, complex(float64(x), float64(y)))
		step := around[next%8] // next is below 8; the remainder says so
		x, y = x+step[0], y+step[1]
		// The sweep goes on from the clear pixel that was looked at last.
		from = (next + 6 - next%2) % 8
	}
	return path
}

// perimeter estimates the length of an 8-connected outline: 0.948 for straight
// and 1.340 for diagonal steps (Kulpa 1977; Vossepoel & Smeulders 1982).
func perimeter(path []complex128) float64 {
	length := 0.0
	for i, p := range path {
		q := path[(i+1)%len(path)]
		if d := q - p; real(d) != 0 && imag(d) != 0 {
			length += 1.340
		} else {
			length += 0.948
		}
	}
	return length
}

// moments are the area, the centroid and the central moments to order three
// of a mask, in canvas pixels.
type moments struct {
	area, x, y                             float64
	m20, m11, m02, m30, m21, m12, m03      float64
	major, minor, angle, cos, sin, skewing float64
}

func newMoments(mask []bool, w int) moments {
	var m moments
	h := len(mask) / w
	for y := range h {
		for x, set := range mask[y*w : (y+1)*w] {
			if set {
				m.area++
				m.x += float64(x)
				m.y += float64(y)
			}
		}
	}
	m.x /= m.area
	m.y /= m.area
	for y := range h {
		dy := float64(y) - m.y
		for x, set := range mask[y*w : (y+1)*w] {
			if !set {
				continue
			}
			dx := float64(x) - m.x
			m.m20 += dx * dx
			m.m11 += dx * dy
			m.m02 += dy * dy
			m.m30 += dx * dx * dx
			m.m21 += dx * dx * dy
			m.m12 += dx * dy * dy
			m.m03 += dy * dy * dy
		}
	}
	// Axes of the ellipse with the same second moments; a pixel itself has a
	// variance of 1/12.
	a, b, c := m.m20/m.area+1.0/12, m.m11/m.area, m.m02/m.area+1.0/12
	root := math.Sqrt((a-c)*(a-c)/4 + b*b)
	m.major = 4 * math.Sqrt((a+c)/2+root)
	m.minor = 4 * math.Sqrt(max((a+c)/2-root, 1.0/12))
	m.angle = math.Atan2(2*b, a-c) / 2
	m.cos, m.sin = math.Cos(m.angle), math.Sin(m.angle)
	third := m.cos*m.cos*m.cos*m.m30 + 3*m.cos*m.cos*m.sin*m.m21 + 3*m.cos*m.sin*m.sin*m.m12 + m.sin*m.sin*m.sin*m.m03
	deviation := m.major / 4
	m.skewing = math.Abs(third) / (m.area * deviation * deviation * deviation)
	return m
}

// radius is the squared distance of a pixel from the centroid, in the ellipse's
// own radii: 1 on its edge.
func (m *moments) radius(dx, dy float64) float64 {
	u, v := 2*(dx*m.cos+dy*m.sin)/m.major, 2*(dy*m.cos-dx*m.sin)/m.minor
	return u*u + v*v
}

// hu are Hu's seven invariants (1962) as signed logarithms. The last changes
// its sign in a mirror image, which a seed lying on its other side is: its
// magnitude is used.
func (m *moments) hu() [7]float64 {
	second, third := m.area*m.area, math.Pow(m.area, 2.5)
	n20, n11, n02 := m.m20/second, m.m11/second, m.m02/second
	n30, n21, n12, n03 := m.m30/third, m.m21/third, m.m12/third, m.m03/third
	p, q := n30+n12, n21+n03
	u, v := n30-3*n12, 3*n21-n03
	h := [7]float64{
		n20 + n02,
		(n20-n02)*(n20-n02) + 4*n11*n11,
		u*u + v*v,
		p*p + q*q,
		u*p*(p*p-3*q*q) + v*q*(3*p*p-q*q),
		(n20-n02)*(p*p-q*q) + 4*n11*p*q,
		math.Abs(v*p*(p*p-3*q*q) - u*q*(3*p*p-q*q)),
	}
	// Below the floor an invariant is the noise of the grid.
	for i, floor := range [7]float64{1e-3, 1e-5, 1e-5, 1e-5, 1e-9, 1e-7, 1e-9} {
		h[i] = math.Copysign(math.Log1p(math.Abs(h[i])/floor), h[i])
	}
	return h
}

// harmonics is how many elliptic Fourier harmonics are used, from the second.
const harmonics = 8

// fourier describes the outline by the size of its elliptic Fourier harmonics
// (Kuhl & Giardina 1982) relative to the first. Each harmonic's size does not
// depend on position, rotation, starting point or mirroring.
func fourier(path []complex128) [harmonics]float64 {
	var out [harmonics]float64
	n := len(path)
	if n < 8 {
		return out
	}
	// Arc length from the start to each point; a closed polygon's coefficient
	// is a sum over its edges.
	total := 0.0
	at := make([]float64, n+1)
	for i := range n {
		total += cmplx.Abs(path[(i+1)%n] - path[i])
		at[i+1] = total
	}
	size := func(k int) float64 {
		var a, b complex128 // cosine and sine parts, x and y in one number
		step := 2 * math.Pi * float64(k) / total
		sin0, cos0 := math.Sincos(0)
		for i := range n {
			edge := path[(i+1)%n] - path[i]
			length := at[i+1] - at[i]
			sin1, cos1 := math.Sincos(step * at[i+1])
			slope := edge / complex(length, 0)
			a += slope * complex(cos1-cos0, 0)
			b += slope * complex(sin1-sin0, 0)
			sin0, cos0 = sin1, cos1
		}
		scale := total / (2 * math.Pi * math.Pi * float64(k*k))
		return scale * math.Sqrt(real(a)*real(a)+imag(a)*imag(a)+real(b)*real(b)+imag(b)*imag(b))
	}
	first := size(1)
	if first == 0 {
		return out
	}
	for k := range out {
		out[k] = math.Log(0.002 + size(k+2)/first)
	}
	return out
}

// shape returns the shape features in the order of shapeNames. zoom turns
// canvas pixels into the crop's.
func shape(mask []bool, w, h int, zoom float64, m *moments) []float64 {
	path := outline(mask, w, h)
	corners := convex(path)
	hullLength, hullArea := 0.0, 0.0
	for i, p := range corners {
		q := corners[(i+1)%len(corners)]
		hullLength += cmplx.Abs(q - p)
		hullArea += (real(p)*imag(q) - real(q)*imag(p)) / 2
	}
	// The hull runs through pixel centres; half a pixel all around is missing.
	hullArea = math.Abs(hullArea) + hullLength/2 + 1
	length := max(perimeter(path), 1)
	long, wide := box(corners)
	mean, deviation := radii(path, m)
	out := make([]float64, 0, shapeCount)
	out = append(out,
		math.Log(m.area/(zoom*zoom)), math.Log(m.major/zoom), math.Log(m.minor/zoom),
		m.minor/m.major,
		min(m.area/hullArea, 1),
		min(4*math.Pi*m.area/((length+math.Pi)*(length+math.Pi)), 1.2),
		min(hullLength/length, 1.1),
		min(m.area/(long*wide), 1),
		wide/long,
		deviation/mean,
		m.skewing,
		outside(mask, w, m),
	)
	hu := m.hu()
	out = append(out, hu[:]...)
	harmonic := fourier(path)
	return append(out, harmonic[:]...)
}

// radii are the mean and deviation of the outline's distance from the centroid.
func radii(path []complex128, m *moments) (mean, deviation float64) {
	var sum, squares float64
	for _, p := range path {
		r := math.Hypot(real(p)-m.x, imag(p)-m.y)
		sum += r
		squares += r * r
	}
	n := float64(len(path))
	mean = max(sum/n, 0.5)
	return mean, math.Sqrt(max(squares/n-mean*mean, 0))
}

// outside is the share of the object that the ellipse with the same moments
// does not cover: corners, spines, hollows.
func outside(mask []bool, w int, m *moments) float64 {
	count := 0.0
	for y := range len(mask) / w {
		dy := float64(y) - m.y
		for x, set := range mask[y*w : (y+1)*w] {
			if set && m.radius(float64(x)-m.x, dy) > 1 {
				count++
			}
		}
	}
	return count / m.area
}

// convex is the convex hull of an outline (Andrew 1979).
func convex(path []complex128) []complex128 {
	points := slices.Clone(path)
	slices.SortFunc(points, func(a, b complex128) int {
		if real(a) != real(b) {
			return int(real(a) - real(b))
		}
		return int(imag(a) - imag(b))
	})
	points = slices.Compact(points)
	if len(points) < 3 {
		return points
	}
	chain := make([]complex128, 0, 2*len(points))
	add := func(p complex128, keep int) {
		for len(chain) >= keep+2 {
			a, b := chain[len(chain)-2], chain[len(chain)-1]
			if real(b-a)*imag(p-a)-imag(b-a)*real(p-a) > 0 {
				break
			}
			chain = chain[:len(chain)-1]
		}
		chain = append(chain, p)
	}
	for _, p := range points {
		add(p, 0)
	}
	lower := len(chain)
	for i := len(points) - 2; i >= 0; i-- {
		add(points[i], lower-1)
	}
	return chain[:len(chain)-1]
}

// box returns the sides of the smallest rectangle around a hull, which lies
// along one of its edges (Freeman & Shapira 1975), grown by the pixels' size.
func box(corners []complex128) (long, wide float64) {
	best := math.Inf(1)
	for i, p := range corners {
		edge := corners[(i+1)%len(corners)] - p
		if edge == 0 {
			continue
		}
		edge /= complex(cmplx.Abs(edge), 0)
		lowU, highU, lowV, highV := math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
		for _, q := range corners {
			t := (q - p) * cmplx.Conj(edge)
			lowU, highU = min(lowU, real(t)), max(highU, real(t))
			lowV, highV = min(lowV, imag(t)), max(highV, imag(t))
		}
		u, v := highU-lowU+1, highV-lowV+1
		if u*v < best {
			best, long, wide = u*v, max(u, v), min(u, v)
		}
	}
	if math.IsInf(best, 1) {
		return 1, 1
	}
	return long, wide
}
