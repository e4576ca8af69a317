package layouttest

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"math"
	"math/rand/v2"

	"granary/internal/demos/plane"
)

// Damage is what a scan does to a page.
type Damage struct {
	// Skew turns the page, in degrees.
	Skew float64
	// Noise is the standard deviation of every pixel, in grey levels.
	Noise float64
	// Light is the share by which one side is darker than the other.
	Light float64
	// Stains are patches of up to a fifth less light.
	Stains int
	// Quality is that of the JPEG, 1..100.
	Quality int
	Seed    uint64
}

// Usual returns damage that differs from seed to seed.
func Usual(seed uint64) Damage {
	random := rand.New(rand.NewPCG(seed, 11))
	return Damage{
		Skew: -3 + 6*random.Float64(), Noise: 2 + 6*random.Float64(), Light: 0.2 * random.Float64(),
		Stains: random.IntN(4), Quality: 60 + random.IntN(30), Seed: seed,
	}
}

// Scan returns the page as a scan shows it.
func (p Page) Scan(d Damage) (Page, error) {
	out := p.turned(d.Skew)
	random := rand.New(rand.NewPCG(d.Seed, 13))
	w, h := float64(out.Gray.W), float64(out.Gray.H)
	type stain struct{ x, y, r, depth float64 }
	var stains []stain
	for range d.Stains {
		stains = append(stains, stain{random.Float64() * w, random.Float64() * h, (0.04 + 0.1*random.Float64()) * h, 0.1 + 0.1*random.Float64()})
	}
	for y := range out.Gray.H {
		row := out.Gray.Row(y)
		for x := range row {
			light := 1 - d.Light*float64(x)/w
			for _, s := range stains {
				dx, dy := float64(x)-s.x, float64(y)-s.y
				if far := (dx*dx + dy*dy) / (s.r * s.r); far < 1.2 {
					light *= 1 - s.depth/(1+math.Exp(20*(far-0.8)))
				}
			}
			row[x] = uint8(min(max(float64(row[x])*light+d.Noise*random.NormFloat64(), 0), 255))
		}
	}
	var file bytes.Buffer
	if err := jpeg.Encode(&file, out.Gray.Image(), &jpeg.Options{Quality: d.Quality}); err != nil {
		return Page{}, fmt.Errorf("encode page: %w", err)
	}
	pixels, err := jpeg.Decode(&file)
	if err != nil {
		return Page{}, fmt.Errorf("decode page: %w", err)
	}
	out.Gray = plane.From(pixels)
	return out, nil
}

// turned returns the page turned about its middle so that its lines fall to
// the right, and its boxes around what they bound before.
func (p Page) turned(degrees float64) Page {
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	cx, cy := float64(p.Gray.W)/2, float64(p.Gray.H)/2
	out := Page{Gray: plane.New(p.Gray.W, p.Gray.H), Skew: degrees}
	for y := range out.Gray.H {
		row := out.Gray.Row(y)
		for x := range row {
			dx, dy := float64(x)-cx, float64(y)-cy
			sx, sy := cx+dx*cos+dy*sin, cy+dy*cos-dx*sin
			x0, y0 := int(math.Floor(sx)), int(math.Floor(sy))
			fx, fy := sx-float64(x0), sy-float64(y0)
			top := float64(p.Gray.At(x0, y0))*(1-fx) + float64(p.Gray.At(x0+1, y0))*fx
			low := float64(p.Gray.At(x0, y0+1))*(1-fx) + float64(p.Gray.At(x0+1, y0+1))*fx
			row[x] = uint8(top*(1-fy) + low*fy)
		}
	}
	place := func(x, y int) (float64, float64) {
		dx, dy := float64(x)-cx, float64(y)-cy
		return cx + dx*cos - dy*sin, cy + dx*sin + dy*cos
	}
	for _, f := range p.Figures {
		bounds := image.Rectangle{}
		for y := f.Box.Min.Y; y < f.Box.Max.Y; y++ {
			for x := f.Box.Min.X; x < f.Box.Max.X; x++ {
				if p.Gray.At(x, y) < paper-25 {
					u, v := place(x, y)
					bounds = bounds.Union(image.Rect(int(u), int(v), int(u)+1, int(v)+1))
				}
			}
		}
		out.Figures = append(out.Figures, Figure{bounds.Intersect(image.Rect(0, 0, out.Gray.W, out.Gray.H)), f.Kind})
	}
	for _, l := range p.Lines {
		bounds := image.Rectangle{}
		for _, corner := range [4]image.Point{l.Min, l.Max, {X: l.Min.X, Y: l.Max.Y}, {X: l.Max.X, Y: l.Min.Y}} {
			u, v := place(corner.X, corner.Y)
			bounds = bounds.Union(image.Rect(int(u), int(v), int(u)+1, int(v)+1))
		}
		out.Lines = append(out.Lines, bounds)
	}
	return out
}
