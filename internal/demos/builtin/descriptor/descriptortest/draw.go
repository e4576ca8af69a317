package descriptortest

import (
	"image"
	"image/color"
	"math"
	"math/rand/v2"
)

// Picture draws picture number seed: a shaded, grainy ground with a few
// patterned shapes and strokes, between 180 and 300 pixels a side.
func Picture(seed uint64) *image.RGBA {
	r := rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))
	w, h := 180+r.IntN(121), 180+r.IntN(121)
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	ground(img, r)
	for range 5 + r.IntN(8) {
		if r.IntN(3) == 0 {
			stroke(img, r)
		} else {
			shape(img, r)
		}
	}
	return img
}

// tint is a muted colour, as inks and papers have.
func tint(r *rand.Rand) [3]float64 {
	grey := 40 + 170*r.Float64()
	return [3]float64{grey + 40*r.Float64() - 20, grey + 40*r.Float64() - 20, grey + 40*r.Float64() - 20}
}

// ground fills img with a slope of shades and two waves of grain.
func ground(img *image.RGBA, r *rand.Rand) {
	base := tint(r)
	slopeX, slopeY := 80*r.Float64()-40, 80*r.Float64()-40
	angle, length := math.Pi*r.Float64(), 6+20*r.Float64()
	size := img.Rect.Size()
	for y := range size.Y {
		for x := range size.X {
			wave := 12 * math.Sin((float64(x)*math.Cos(angle)+float64(y)*math.Sin(angle))/length)
			shade := slopeX*float64(x)/float64(size.X) + slopeY*float64(y)/float64(size.Y) + wave + 8*r.NormFloat64()
			set(img, x, y, base, shade)
		}
	}
}

// shape fills a turned ellipse or box with stripes or dots of its own.
func shape(img *image.RGBA, r *rand.Rand) {
	size := img.Rect.Size()
	cx, cy := float64(size.X)*r.Float64(), float64(size.Y)*r.Float64()
	a, b := 12+50*r.Float64(), 12+50*r.Float64()
	sin, cos := math.Sincos(math.Pi * r.Float64())
	ink, round, dots := tint(r), r.IntN(2) == 0, r.IntN(2) == 0
	period, depth := 3+9*r.Float64(), 50*r.Float64()
	reach := int(a + b)
	for y := max(0, int(cy)-reach); y < min(size.Y, int(cy)+reach); y++ {
		for x := max(0, int(cx)-reach); x < min(size.X, int(cx)+reach); x++ {
			dx, dy := float64(x)-cx, float64(y)-cy
			u, v := dx*cos+dy*sin, dy*cos-dx*sin
			inside := math.Abs(u) < a && math.Abs(v) < b
			if round {
				inside = u*u/(a*a)+v*v/(b*b) < 1
			}
			if !inside {
				continue
			}
			pattern := math.Sin(u / period)
			if dots {
				pattern *= math.Sin(v / period)
			}
			set(img, x, y, ink, depth*pattern+5*r.NormFloat64())
		}
	}
}

// stroke draws a bent line of some width.
func stroke(img *image.RGBA, r *rand.Rand) {
	size := img.Rect.Size()
	x, y := float64(size.X)*r.Float64(), float64(size.Y)*r.Float64()
	heading, bend, width := 2*math.Pi*r.Float64(), 0.06*r.Float64()-0.03, 1.5+4*r.Float64()
	ink := tint(r)
	for range 80 + r.IntN(150) {
		for dy := -int(width); dy <= int(width); dy++ {
			for dx := -int(width); dx <= int(width); dx++ {
				if float64(dx*dx+dy*dy) <= width*width {
					set(img, int(x)+dx, int(y)+dy, ink, 0)
				}
			}
		}
		x, y = x+math.Cos(heading), y+math.Sin(heading)
		heading += bend
	}
}

func set(img *image.RGBA, x, y int, ink [3]float64, shade float64) {
	if !(image.Point{X: x, Y: y}).In(img.Rect) {
		return
	}
	channel := func(v float64) uint8 { return uint8(min(max(v+shade, 0), 255)) }
	img.SetRGBA(x, y, color.RGBA{R: channel(ink[0]), G: channel(ink[1]), B: channel(ink[2]), A: 255})
}
