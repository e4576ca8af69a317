package tracetest

import (
	"bytes"
	"image/jpeg"
	"math"
	"math/rand/v2"

	"granary/internal/demos/plane"
)

// Damage is what a scanner or a camera does to a page.
type Damage struct {
	// Noise is the standard deviation of the grain, of 255.
	Noise float64
	// Light is how much darker one corner is than the other, 0..1.
	Light float64
	// Ink is the grey value of the ink on white paper, 0 black.
	Ink float64
	// Blur is how often the picture is blurred by the binomial 3×3 filter.
	Blur int
	// JPEG is the quality it is compressed with, 0 for not at all.
	JPEG int
	Seed uint64
}

// Spoil returns a damaged copy of the picture.
func Spoil(g plane.Gray, d Damage) (plane.Gray, error) {
	rng := rand.New(rand.NewPCG(d.Seed, 0x6e6f697365))
	values := make([]float64, len(g.Pix))
	for i, v := range g.Pix {
		values[i] = d.Ink + float64(v)/255*(245-d.Ink)
	}
	for range d.Blur {
		blur(values, g.W, g.H)
	}
	out := plane.New(g.W, g.H)
	for y := range g.H {
		for x := range g.W {
			i := y*g.W + x
			light := 1 - d.Light*(float64(x)/float64(g.W)+float64(y)/float64(g.H))/2
			out.Pix[i] = uint8(math.Round(min(max(values[i]*light+rng.NormFloat64()*d.Noise, 0), 255)))
		}
	}
	if d.JPEG == 0 {
		return out, nil
	}
	var file bytes.Buffer
	if err := jpeg.Encode(&file, out.Image(), &jpeg.Options{Quality: d.JPEG}); err != nil {
		return plane.Gray{}, err
	}
	img, err := jpeg.Decode(&file)
	if err != nil {
		return plane.Gray{}, err
	}
	return plane.From(img), nil
}

func blur(values []float64, w, h int) {
	pass := func(n, step, lines, stride int) {
		for l := range lines {
			previous := values[l*stride]
			for k := range n {
				i := l*stride + k*step
				next := values[i]
				if k+1 < n {
					next = values[i+step]
				}
				here := values[i]
				values[i] = (previous + 2*here + next) / 4
				previous = here
			}
		}
	}
	pass(w, 1, h, w)
	pass(h, w, w, 1)
}
