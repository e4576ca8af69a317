package feature

import (
	"math"
	"math/bits"
)

const (
	// patterns is the number of rotation-invariant uniform patterns of eight
	// neighbours: 0 to 8 set, and all that are not uniform.
	patterns = 10
	// directions is the number of bins for the direction of gradients against
	// the object's major axis, from along to across.
	directions = 6
	// flat is the difference in L that counts as none; it keeps the sensor's
	// noise out of the patterns.
	flat = 0.6
)

// texture returns the texture features in the order of textureNames: the
// rotation-invariant uniform local binary patterns LBP(8,R)riu2 of Ojala,
// Pietikäinen & Mäenpää (2002) at three radii, and the strength and direction
// of gradients (Sobel), as in Dalal & Triggs (2005) but against the object's
// own axis.
func texture(c *canvas, mask []bool, m *moments) []float64 {
	out := make([]float64, 0, textureCount)
	for _, radius := range [...]float64{1, 2.4, 5} { // canvas pixels
		h := binaryPatterns(c, mask, radius)
		out = append(out, h[:]...)
	}
	return append(out, gradients(c, mask, m)...)
}

// binaryPatterns compares every neighbour of a row with the row's pixels before
// it goes on to the next neighbour: the inner loop is without a branch.
func binaryPatterns(c *canvas, mask []bool, radius float64) [patterns]float64 {
	ring := newRing(radius, c.w)
	reach := int(math.Ceil(radius)) + 1
	inside := make([]bool, c.w)
	codes := make([]uint8, c.w)
	var seen [256]int
	for y := reach; y < c.h-reach; y++ {
		from, to := c.w, 0 // the stretch of the row that counts, with gaps
		for x := reach; x < c.w-reach; x++ {
			i := y*c.w + x
			// A pattern that reaches over the edge would describe the ground.
			inside[x] = mask[i] && mask[i-reach+1] && mask[i+reach-1] && mask[i-(reach-1)*c.w] && mask[i+(reach-1)*c.w]
			if inside[x] {
				from, to = min(from, x), x+1
			}
		}
		if from >= to {
			continue
		}
		code := codes[from:to]
		clear(code)
		at := y*c.w + from
		for k := range ring {
			ring[k].compare(code, c.l, at, uint(k))
		}
		for x, one := range code {
			if inside[from+x] {
				seen[one]++
			}
		}
	}
	var histogram [patterns]float64
	count := 0.0
	for code, n := range seen {
		bin := patterns - 1
		if bits.OnesCount8(uint8(code)^bits.RotateLeft8(uint8(code), 1)) <= 2 {
			bin = bits.OnesCount8(uint8(code))
		}
		histogram[bin] += float64(n)
		count += float64(n)
	}
	if count > 0 {
		for k := range histogram {
			histogram[k] = math.Sqrt(histogram[k] / count) // Hellinger: rare patterns count
		}
	}
	return histogram
}

// neighbour is one point of a pattern's circle, as the weights of the four
// pixels around it; offset leads from the centre to the first, width to the
// next row.
type neighbour struct {
	offset, width      int
	w00, w10, w01, w11 float32
}

func newRing(radius float64, width int) (ring [8]neighbour) {
	for k := range ring {
		sin, cos := math.Sincos(float64(k) * math.Pi / 4)
		dx, dy := radius*cos, radius*sin
		ix, iy := math.Floor(dx), math.Floor(dy)
		fx, fy := float32(dx-ix), float32(dy-iy)
		ring[k] = neighbour{
			offset: int(iy)*width + int(ix), width: width,
			w00: (1 - fx) * (1 - fy), w10: fx * (1 - fy), w01: (1 - fx) * fy, w11: fx * fy,
		}
	}
	return ring
}

// compare sets bit k of each code whose neighbour is not darker than its
// centre. The centres are the pixels of l from at on.
func (n *neighbour) compare(code []uint8, l []float32, at int, k uint) {
	centre := l[at:][:len(code)]
	p := l[at+n.offset:]
	p0, p1 := p[:len(code)], p[1:][:len(code)]
	q := p[n.width:]
	q0, q1 := q[:len(code)], q[1:][:len(code)]
	for i := range code {
		v := p0[i]*n.w00 + p1[i]*n.w10 + q0[i]*n.w01 + q1[i]*n.w11
		// The sign of the difference is set where the neighbour is darker.
		code[i] |= uint8(^math.Float32bits(v-(centre[i]+flat))>>31) << (k & 7)
	}
}

// gradients returns mean, deviation and the share of strong gradients, then
// the histogram of directions, inside the mask.
func gradients(c *canvas, mask []bool, m *moments) []float64 {
	var sum, squares, strong, count float64
	var direction [directions]float64
	arc := arcs()
	for y := 2; y < c.h-2; y++ {
		for x := 2; x < c.w-2; x++ {
			i := y*c.w + x
			if !mask[i] || !mask[i-2] || !mask[i+2] || !mask[i-2*c.w] || !mask[i+2*c.w] {
				continue
			}
			l := c.l
			up, down := i-c.w, i+c.w
			gx := float64(l[up+1]+2*l[i+1]+l[down+1]-l[up-1]-2*l[i-1]-l[down-1]) / 8
			gy := float64(l[down-1]+2*l[down]+l[down+1]-l[up-1]-2*l[up]-l[up+1]) / 8
			g := math.Sqrt(gx*gx + gy*gy)
			sum += g
			squares += g * g
			count++
			if g > 3 {
				strong++
			}
			along, across := math.Abs(gx*m.cos+gy*m.sin), math.Abs(gy*m.cos-gx*m.sin)
			at := arc.tangent(across, along) / (math.Pi / 2) * (directions - 1)
			low := min(int(at), directions-2)
			direction[low] += g * (1 - (at - float64(low)))
			direction[low+1] += g * (at - float64(low))
		}
	}
	out := make([]float64, 0, 3+directions)
	if count == 0 {
		return append(out, make([]float64, 3+directions)...)
	}
	mean := sum / count
	out = append(out, math.Log1p(mean), math.Log1p(math.Sqrt(max(squares/count-mean*mean, 0))), strong/count)
	for _, d := range direction {
		out = append(out, d/(sum+0.2*count))
	}
	return out
}
