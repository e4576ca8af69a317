package layouttest

import (
	"image"
	"math"
)

// figure draws a figure at the top of what is left of a column, and a caption
// under most of them.
func (d *draft) figure(x0, x1, y, bottom, size float64) (float64, error) {
	w := (x1 - x0) * d.between(0.55, 1)
	h := min(w*d.between(0.6, 1.2), bottom-y-5*size)
	left := x0 + (x1-x0-w)/2
	frame := image.Rect(int(left), int(y), int(left+w), int(y+h))
	kind := Kind(d.random.IntN(int(kinds)))
	switch kind {
	case Drawing:
		d.lines(frame)
	case Engraving:
		d.engrave(frame)
	case Halftone:
		d.screen(frame)
	default:
		d.photograph(frame)
	}
	d.Figures = append(d.Figures, Figure{Box: d.inked(frame), Kind: kind})
	y += h + 1.2*size
	if d.random.IntN(3) == 0 {
		return y + size, nil
	}
	y, err := d.text(left, left+w, y, y+2*size, 0.85*size, 1+d.random.IntN(2))
	return y + 1.5*size, err
}

// inked bounds what is darker than paper in a frame.
func (d *draft) inked(frame image.Rectangle) (out image.Rectangle) {
	for y := frame.Min.Y; y < frame.Max.Y; y++ {
		for x := frame.Min.X; x < frame.Max.X; x++ {
			if d.Gray.At(x, y) < paper-25 {
				out = out.Union(image.Rect(x, y, x+1, y+1))
			}
		}
	}
	return out
}

// stroke draws a line of a width.
func (d *draft) stroke(x0, y0, x1, y1, width float64, clip image.Rectangle) {
	length := math.Hypot(x1-x0, y1-y0)
	for i := 0.0; i <= length; i += 0.5 {
		x, y := x0+(x1-x0)*i/max(1, length), y0+(y1-y0)*i/max(1, length)
		d.fill(image.Rect(int(x-width/2), int(y-width/2), int(x-width/2)+int(max(1, width)), int(y-width/2)+int(max(1, width))).Intersect(clip), ink)
	}
}

// lines draws a diagram: circles, straight lines, polygons.
func (d *draft) lines(frame image.Rectangle) {
	width := d.between(1.2, 2.4) * d.unit
	w, h := float64(frame.Dx()), float64(frame.Dy())
	cx, cy := float64(frame.Min.X)+w/2, float64(frame.Min.Y)+h/2
	point := func() (float64, float64) {
		return cx + d.between(-0.47, 0.47)*w, cy + d.between(-0.47, 0.47)*h
	}
	circle := func(x, y, rx, ry float64) {
		for a := range 90 {
			s0, c0 := math.Sincos(float64(a) * math.Pi / 45)
			s1, c1 := math.Sincos(float64(a+1) * math.Pi / 45)
			d.stroke(x+rx*c0, y+ry*s0, x+rx*c1, y+ry*s1, width, frame)
		}
	}
	circle(cx, cy, 0.46*w, 0.46*h)
	for range 2 + d.random.IntN(3) {
		x, y := point()
		r := d.between(0.1, 0.25) * min(w, h)
		circle(x, y, r, r)
	}
	for range 3 + d.random.IntN(6) {
		x, y := point()
		for range 1 + d.random.IntN(3) {
			nx, ny := point()
			d.stroke(x, y, nx, ny, width, frame)
			x, y = nx, ny
		}
	}
}

// engrave shades shapes with short strokes, as woodcuts do.
func (d *draft) engrave(frame image.Rectangle) {
	width := d.between(1.1, 1.8) * d.unit
	tone := d.tones(frame)
	pitch := 4.2 * d.unit
	for y := float64(frame.Min.Y); y < float64(frame.Max.Y); y += pitch {
		drawn := false
		var from [2]float64
		for x := float64(frame.Min.X); x < float64(frame.Max.X); x++ {
			wave := y + pitch*math.Sin(x/(20*d.unit))
			dark := tone(x, wave) < 0.62 && d.random.IntN(25) != 0
			if dark && !drawn {
				from = [2]float64{x, wave}
			}
			if drawn && (!dark || x-from[0] > 6*d.unit) {
				d.stroke(from[0], from[1], x, wave, width, frame)
				from = [2]float64{x, wave}
			}
			drawn = dark
		}
	}
	if d.random.IntN(2) == 0 { // with a frame
		x0, y0, x1, y1 := float64(frame.Min.X)+width, float64(frame.Min.Y)+width, float64(frame.Max.X)-width, float64(frame.Max.Y)-width
		for _, side := range [4][4]float64{{x0, y0, x1, y0}, {x1, y0, x1, y1}, {x1, y1, x0, y1}, {x0, y1, x0, y0}} {
			d.stroke(side[0], side[1], side[2], side[3], width, frame)
		}
	}
}

// screen prints a photograph as dots.
func (d *draft) screen(frame image.Rectangle) {
	tone := d.tones(frame)
	pitch := d.between(4, 6) * d.unit
	sin, cos := math.Sincos(math.Pi / 4)
	for y := frame.Min.Y; y < frame.Max.Y; y++ {
		for x := frame.Min.X; x < frame.Max.X; x++ {
			u := (float64(x)*cos + float64(y)*sin) / pitch
			v := (float64(y)*cos - float64(x)*sin) / pitch
			wave := (math.Cos(2*math.Pi*u) + math.Cos(2*math.Pi*v) + 2) / 4
			if wave > min(0.93, tone(float64(x), float64(y))) {
				d.Gray.Row(y)[x] = ink
			}
		}
	}
}

// photograph prints continuous tone.
func (d *draft) photograph(frame image.Rectangle) {
	tone := d.tones(frame)
	for y := frame.Min.Y; y < frame.Max.Y; y++ {
		for x := frame.Min.X; x < frame.Max.X; x++ {
			v := 40 + 160*tone(float64(x), float64(y)) + 6*d.random.NormFloat64()
			d.Gray.Row(y)[x] = uint8(min(max(v, 20), 205))
		}
	}
}

// tones is a smooth scene of values 0..1: a sky, a ground and a few shapes.
func (d *draft) tones(frame image.Rectangle) func(x, y float64) float64 {
	w, h := float64(frame.Dx()), float64(frame.Dy())
	type shape struct{ x, y, r, tone float64 }
	var shapes []shape
	for range 4 + d.random.IntN(5) {
		shapes = append(shapes, shape{d.between(0, 1), d.between(0, 1), d.between(0.1, 0.35), d.between(0.05, 0.95)})
	}
	ground, phase := d.between(0.4, 0.7), d.between(0, 6)
	return func(x, y float64) float64 {
		u, v := (x-float64(frame.Min.X))/w, (y-float64(frame.Min.Y))/h
		t := 0.75 - 0.3*v
		if v > ground+0.05*math.Sin(8*u+phase) {
			t = 0.3 + 0.15*math.Sin(40*v+5*u)
		}
		for _, s := range shapes {
			if math.Hypot(u-s.x, v-s.y) < s.r*(1+0.2*math.Sin(5*math.Atan2(v-s.y, u-s.x))) {
				t = 0.7*s.tone + 0.3*t
			}
		}
		return t
	}
}
