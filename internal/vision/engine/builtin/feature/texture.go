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

func binaryPatterns(c *canvas, mask []bool, radius float64) [patterns]float64 {
	type neighbour struct {
		offset             int
		w00, w10, w01, w11 float32
	}
	var ring [8]neighbour
	for k := range ring {
		sin, cos := math.Sincos(float64(k) * math.Pi / 4)
		dx, dy := radius*cos, radius*sin
		ix, iy := math.Floor(dx), math.Floor(dy)
		fx, fy := float32(dx-ix), float32(dy-iy)
		ring[k] = neighbour{
			offset: int(iy)*c.w + int(ix),
			w00:    (1 - fx) * (1 - fy), w10: fx * (1 - fy), w01: (1 - fx) * fy, w11: fx * fy,
		}
	}
	reach := int(math.Ceil(radius)) + 1
	var histogram [patterns]float64
	count := 0.0
	for y := reach; y < c.h-reach; y++ {
		for x := reach; x < c.w-reach; x++ {
			i := y*c.w + x
			// A pattern that reaches over the edge would describe the ground.
			if !mask[i] || !mask[i-reach+1] || !mask[i+reach-1] || !mask[i-(reach-1)*c.w] || !mask[i+(reach-1)*c.w] {
				continue
			}
			centre := c.l[i] + flat
			var code uint8
			for k := range ring {
				n := &ring[k]
				p := c.l[i+n.offset:]
				q := c.l[i+n.offset+c.w:]
				if p[0]*n.w00+p[1]*n.w10+q[0]*n.w01+q[1]*n.w11 >= centre {
					code |= 1 << k
				}
			}
			bin := patterns - 1
			if bits.OnesCount8(code^bits.RotateLeft8(code, 1)) <= 2 {
				bin = bits.OnesCount8(code)
			}
			histogram[bin]++
			count++
		}
	}
	if count > 0 {
		for k := range histogram {
			histogram[k] = math.Sqrt(histogram[k] / count) // Hellinger: rare patterns count
		}
	}
	return histogram
}

// gradients returns mean, deviation and the share of strong gradients, then
// the histogram of directions, inside the mask.
func gradients(c *canvas, mask []bool, m *moments) []float64 {
	var sum, squares, strong, count float64
	var direction [directions]float64
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
			at := math.Atan2(across, along) / (math.Pi / 2) * (directions - 1)
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
