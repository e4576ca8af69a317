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
	sx, sy := float64(src.Width)/float64(c.w), float64(src.Height)/float64(c.h)
	read := average(src, sx, sy)
	if zoom > 1 {
		read = interpolate(src, sx, sy)
	}
	table := pixel.Lab()
	for y := range c.h {
		for x := range c.w {
			r, g, b := read(x, y)
			i := y*c.w + x
			c.l[i], c.a[i], c.b[i] = table.Sixteenths(r, g, b)
		}
	}
	return c
}

// average reads the mean of a pixel's area in sixteenths of a level.
func average(src pixel.Source, sx, sy float64) func(x, y int) (r, g, b uint32) {
	nx, ny := min(max(int(math.Round(sx)), 1), 3), min(max(int(math.Round(sy)), 1), 3)
	return func(x, y int) (r, g, b uint32) {
		for j := range ny {
			py := min(int((float64(y)+(float64(j)+0.5)/float64(ny))*sy), src.Height-1)
			for i := range nx {
				px := min(int((float64(x)+(float64(i)+0.5)/float64(nx))*sx), src.Width-1)
				cr, cg, cb := src.At(px, py)
				r += uint32(cr)
				g += uint32(cg)
				b += uint32(cb)
			}
		}
		n := uint32(nx * ny)
		return r * 16 / n, g * 16 / n, b * 16 / n
	}
}

// interpolate reads between pixel centres, in sixteenths of a level.
func interpolate(src pixel.Source, sx, sy float64) func(x, y int) (r, g, b uint32) {
	return func(x, y int) (r, g, b uint32) {
		fx := min(max((float64(x)+0.5)*sx-0.5, 0), float64(src.Width-1))
		fy := min(max((float64(y)+0.5)*sy-0.5, 0), float64(src.Height-1))
		ix, iy := int(fx), int(fy)
		fx, fy = fx-float64(ix), fy-float64(iy)
		var sum [3]float64
		for _, corner := range [...]struct {
			dx, dy int
			weight float64
		}{{0, 0, (1 - fx) * (1 - fy)}, {1, 0, fx * (1 - fy)}, {0, 1, (1 - fx) * fy}, {1, 1, fx * fy}} {
			if corner.weight == 0 {
				continue
			}
			cr, cg, cb := src.At(min(ix+corner.dx, src.Width-1), min(iy+corner.dy, src.Height-1))
			sum[0] += corner.weight * float64(cr)
			sum[1] += corner.weight * float64(cg)
			sum[2] += corner.weight * float64(cb)
		}
		return uint32(sum[0] * 16), uint32(sum[1] * 16), uint32(sum[2] * 16)
	}
}
