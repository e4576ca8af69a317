package synth

import (
	"image"
	"math"
	"math/rand/v2"
)

// speck is a piece of debris: a short stroke of some thickness.
type speck struct{ x0, y0, x1, y1, thick, dark float64 }

// scatter places debris away from the seeds: mostly dust of one to three
// pixels, and a few hairs.
func (s Scene) scatter(rng *rand.Rand, seeds []*seed) []speck {
	var specks []speck
	for i := range s.Debris {
		for range 100 {
			p := speck{x0: rng.Float64() * float64(s.Width), y0: rng.Float64() * float64(s.Height), thick: 0.5 + rng.Float64(), dark: 0.3 + 0.4*rng.Float64()}
			angle, length := rng.Float64()*2*math.Pi, rng.Float64()*2
			if i%6 == 5 {
				length = 20 + 40*rng.Float64()
				p.thick = 0.4
			}
			p.x1, p.y1 = p.x0+length*math.Cos(angle), p.y0+length*math.Sin(angle)
			free := true
			for _, one := range seeds {
				reach := one.reach() + s.Margin
				if math.Hypot(one.x-p.x0, one.y-p.y0) < reach || math.Hypot(one.x-p.x1, one.y-p.y1) < reach {
					free = false
				}
			}
			if free {
				specks = append(specks, p)
				break
			}
		}
	}
	return specks
}

func (p speck) cover(x, y float64) float64 {
	dx, dy := p.x1-p.x0, p.y1-p.y0
	t := ((x-p.x0)*dx + (y-p.y0)*dy) / max(dx*dx+dy*dy, 1e-9)
	t = min(max(t, 0), 1)
	d := math.Hypot(x-p.x0-t*dx, y-p.y0-t*dy)
	return 1 - smoothstep(p.thick-0.5, p.thick+0.7, d)
}

// draw paints ground, shadows, debris, seeds, illumination and noise, in that
// order.
func (s Scene) draw(seeds []*seed, specks []speck, rng *rand.Rand) *image.RGBA {
	w, h := s.Width, s.Height
	plane := make([]float32, 3*w*h)
	ground := [3]float32{float32(s.Ground.R), float32(s.Ground.G), float32(s.Ground.B)}
	for i := 0; i < len(plane); i += 3 {
		copy(plane[i:i+3], ground[:])
	}
	if s.Shadow > 0 {
		for _, one := range seeds {
			s.shade(plane, one)
		}
	}
	for _, p := range specks {
		pad := p.thick + 2
		s.each(min(p.x0, p.x1)-pad, min(p.y0, p.y1)-pad, max(p.x0, p.x1)+pad, max(p.y0, p.y1)+pad, func(i int, x, y float64) {
			keep := float32(1 - p.dark*p.cover(x, y))
			for c := range 3 {
				plane[i+c] = plane[i+c]*keep + (1-keep)*90
			}
		})
	}
	for _, one := range seeds {
		s.paint(plane, one)
	}
	return s.expose(plane, rng)
}

// each visits the pixels of a rectangle that lie in the picture with the index
// of their red value and the coordinates of their centre.
func (s Scene) each(minX, minY, maxX, maxY float64, visit func(i int, x, y float64)) {
	x0, x1 := max(int(minX), 0), min(int(math.Ceil(maxX)), s.Width)
	y0, y1 := max(int(minY), 0), min(int(math.Ceil(maxY)), s.Height)
	for y := y0; y < y1; y++ {
		for x := x0; x < x1; x++ {
			visit(3*(y*s.Width+x), float64(x)+0.5, float64(y)+0.5)
		}
	}
}

// shade darkens the ground below and beside a seed: its outline moved to the
// lower right and softened.
func (s Scene) shade(plane []float32, one *seed) {
	soft := 3 + 0.25*one.half*one.species.Shape.Aspect
	shift := 0.6 * soft
	reach := one.reach() + 2*soft
	s.each(one.x-reach, one.y-reach, one.x+reach+shift, one.y+reach+shift, func(i int, x, y float64) {
		if math.Hypot(x-shift-one.x, y-shift-one.y) > one.reach()+soft {
			return
		}
		d := one.distance(x-shift, y-shift)
		dark := float32(1 - s.Shadow*(1-smoothstep(-soft, soft, d)))
		for c := range 3 {
			plane[i+c] *= dark
		}
	})
}

func (s Scene) paint(plane []float32, one *seed) {
	sp := one.species
	base := [3]float64{float64(sp.Base.R), float64(sp.Base.G), float64(sp.Base.B)}
	second := [3]float64{float64(sp.Second.R), float64(sp.Second.G), float64(sp.Second.B)}
	t := one.truth()
	width := one.half * sp.Shape.Aspect
	s.each(t.MinX-s.Blur, t.MinY-s.Blur, t.MaxX+s.Blur, t.MaxY+s.Blur, func(i int, x, y float64) {
		d := one.distance(x, y)
		cover := 1 - smoothstep(-s.Blur, s.Blur, d)
		if cover <= 0 {
			return
		}
		dx, dy := x-one.x, y-one.y
		u, v := (dx*one.cos+dy*one.sin)/one.half, (dy*one.cos-dx*one.sin)/one.half
		mix := one.texture(u, v)
		// A rounded body: darker towards the rim, lit from the upper left.
		body := 0.72 + 0.28*math.Sqrt(min(1, max(0, -d/width)))
		body += 0.06 * (-dx - dy) / (one.half + width)
		body += sp.Rough * 0.25 * fractal(u*26, v*26, one.salt+7)
		highlight := sp.Gloss * 140 * bell(math.Hypot(dx+0.3*width, dy+0.35*width)/width, 0.35)
		for c := range 3 {
			colour := (base[c]*(1-mix)+second[c]*mix)*one.tint[c]*body + highlight
			plane[i+c] = plane[i+c]*float32(1-cover) + float32(colour*cover)
		}
	})
}

// texture is the share of the second colour at a point of the seed's frame.
func (o *seed) texture(u, v float64) float64 {
	sp := o.species
	mix := 0.0
	if sp.Stripes > 0 {
		bend := 0.05 * fractal(u*2, v*3, o.salt+3)
		band := math.Cos(math.Pi * sp.Stripes * (v/sp.Shape.Aspect + bend))
		mix = 0.75 * smoothstep(0.1, 0.8, band)
	}
	if sp.Mottle > 0 {
		blotch := fractal(u/sp.Grain, v/sp.Grain, o.salt)
		mix += sp.Mottle * smoothstep(-0.2, 0.5, blotch)
	}
	return min(mix, 1)
}

// expose applies the illumination and the sensor's noise.
func (s Scene) expose(plane []float32, rng *rand.Rand) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, s.Width, s.Height))
	angle := rng.Float64() * 2 * math.Pi
	gx, gy := math.Cos(angle)*s.Gradient/float64(s.Width), math.Sin(angle)*s.Gradient/float64(s.Height)
	// A table of normal deviates read at random offsets: drawing one deviate a
	// channel would cost more than everything else together.
	deviates := make([]float32, 4096)
	for i := range deviates {
		deviates[i] = float32(rng.NormFloat64() * s.Noise)
	}
	cx, cy := float64(s.Width)/2, float64(s.Height)/2
	for y := range s.Height {
		at := rng.Uint64()
		in := plane[3*y*s.Width : 3*(y+1)*s.Width]
		out := img.Pix[y*img.Stride : y*img.Stride+4*s.Width]
		dy := float64(y) - cy
		for x := range s.Width {
			dx := float64(x) - cx
			vignette := 0.15 * s.Gradient * (dx*dx + dy*dy) / (cx*cx + cy*cy)
			light := float32(1 + gx*dx + gy*dy - vignette)
			at = at*6364136223846793005 + 1442695040888963407
			p, q := in[3*x:3*x+3], out[4*x:4*x+4]
			for c := range 3 {
				level := p[c]*light + deviates[(at>>(16+12*uint(c)))&4095]
				q[c] = uint8(min(max(level+0.5, 0), 255))
			}
			q[3] = 255
		}
	}
	return img
}
