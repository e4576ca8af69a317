package feature

import (
	"image"
	"math"

	"granary/internal/vision/engine/builtin/pixel"
)

// side is the longer side of the canvas. At 96 pixels the finest texture that
// tells seeds apart is still there and a crop costs well below 2 ms.
const side = 96

// canvas is a crop at the size at which everything is measured.
type canvas struct {
	w, h int
	// zoom is canvas pixels per pixel of the crop.
	zoom    float64
	l, a, b []float32
}

// newCanvas resamples a crop: down by averaging at most 3 × 3 points per
// pixel, which bounds the cost for huge crops, up by linear interpolation.
func newCanvas(img image.Image) *canvas {
	src := pixel.NewSource(img)
	zoom := side / float64(max(src.Width, src.Height))
	c := &canvas{zoom: zoom}
	c.w = max(4, int(math.Round(float64(src.Width)*zoom)))
	c.h = max(4, int(math.Round(float64(src.Height)*zoom)))
	n := c.w * c.h
	all := make([]float32, 3*n)
	c.l, c.a, c.b = all[:n:n], all[n:2*n:2*n], all[2*n:]
	if zoom > 1 {
		c.interpolate(src)
	} else {
		c.average(src)
	}
	return c
}

// average sets each pixel to the mean of its area.
func (c *canvas) average(src pixel.Source) {
	sx, sy := float64(src.Width)/float64(c.w), float64(src.Height)/float64(c.h)
	nx, ny := min(max(int(math.Round(sx)), 1), 3), min(max(int(math.Round(sy)), 1), 3)
	columns := make([]int, 0, c.w*nx)
	for x := range c.w {
		for i := range nx {
			columns = append(columns, min(int((float64(x)+(float64(i)+0.5)/float64(nx))*sx), src.Width-1))
		}
	}
	line := make([]uint8, 3*len(columns))
	sums := make([]uint32, 3*c.w)
	// A product with the reciprocal, rounded up, is the quotient exactly for
	// dividends below 2^16 and divisors up to nine; sixteen times nine levels
	// are below.
	n := uint64(nx * ny)
	reciprocal := (1<<32 + n - 1) / n
	table := pixel.Lab()
	for y := range c.h {
		clear(sums)
		for j := range ny {
			src.Pick(min(int((float64(y)+(float64(j)+0.5)/float64(ny))*sy), src.Height-1), columns, line)
			gather(sums, line, nx)
		}
		for x := range c.w {
			s := sums[3*x : 3*x+3 : 3*x+3]
			i := y*c.w + x
			c.l[i], c.a[i], c.b[i] = table.Sixteenths(
				uint32(uint64(s[0]*16)*reciprocal>>32), uint32(uint64(s[1]*16)*reciprocal>>32), uint32(uint64(s[2]*16)*reciprocal>>32))
		}
	}
}

// gather adds each run of n pixels of line to its sum.
func gather(sums []uint32, line []uint8, n int) {
	for len(sums) >= 3 && len(line) >= 3*n {
		s := sums[:3:3]
		for range n {
			s[0] += uint32(line[0])
			s[1] += uint32(line[1])
			s[2] += uint32(line[2])
			line = line[3:]
		}
		sums = sums[3:]
	}
}

// interpolate reads between pixel centres of a crop smaller than the canvas.
func (c *canvas) interpolate(src pixel.Source) {
	sx, sy := float64(src.Width)/float64(c.w), float64(src.Height)/float64(c.h)
	stride := 3 * src.Width
	pixels := make([]uint8, stride*src.Height)
	for y := range src.Height {
		src.Row(y, pixels[y*stride:(y+1)*stride])
	}
	// column is where a pixel lies between two columns of the crop: the offsets
	// of both in a row, and its distance from the first.
	type column struct {
		left, right int
		fx          float64
	}
	columns := make([]column, c.w)
	for x := range columns {
		fx := min(max((float64(x)+0.5)*sx-0.5, 0), float64(src.Width-1))
		ix := int(fx)
		columns[x] = column{left: 3 * ix, right: 3 * min(ix+1, src.Width-1), fx: fx - float64(ix)}
	}
	table := pixel.Lab()
	for y := range c.h {
		fy := min(max((float64(y)+0.5)*sy-0.5, 0), float64(src.Height-1))
		iy := int(fy)
		fy -= float64(iy)
		up, down := pixels[iy*stride:][:stride], pixels[min(iy+1, src.Height-1)*stride:][:stride]
		for x, at := range columns {
			w00, w10, w01, w11 := (1-at.fx)*(1-fy), at.fx*(1-fy), (1-at.fx)*fy, at.fx*fy
			p00, p10 := up[at.left:at.left+3:at.left+3], up[at.right:at.right+3:at.right+3]
			p01, p11 := down[at.left:at.left+3:at.left+3], down[at.right:at.right+3:at.right+3]
			var level [3]uint32 // sixteenths
			for k := range level {
				sum := w00*float64(p00[k]) + w10*float64(p10[k]) + w01*float64(p01[k]) + w11*float64(p11[k])
				level[k] = uint32(sum * 16)
			}
			i := y*c.w + x
			c.l[i], c.a[i], c.b[i] = table.Sixteenths(level[0], level[1], level[2])
		}
	}
}
