package sample

import (
	"fmt"
	"image"
	"image/color"
	"math"
	"math/rand/v2"

	"golang.org/x/image/draw"
)

const (
	ornaments    = 8
	ornamentSide = 240
)

// Alike returns ornaments, each with three copies: one turned by 90 degrees,
// one cut and enlarged, one aged.
func Alike() ([]Picture, error) {
	var out []Picture
	for n := range ornaments {
		original := ornament(uint64(n))
		for _, one := range []struct {
			kind   string
			pixels image.Image
		}{
			{"original", original}, {"turned", turned(original)}, {"cut", cut(original)}, {"aged", aged(original, uint64(n))},
		} {
			picture, err := encode(fmt.Sprintf("ornament-%d-%s.png", n+1, one.kind), one.pixels)
			if err != nil {
				return nil, err
			}
			out = append(out, picture)
		}
	}
	return out, nil
}

// ornament draws rosette number seed.
func ornament(seed uint64) sheet {
	r := rand.New(rand.NewPCG(seed, 11))
	s := newSheet(ornamentSide, ornamentSide, color.RGBA{R: 236, G: 228, B: uint8(200 + r.IntN(30)), A: 255})
	inks := []color.Color{
		color.RGBA{R: 40, G: 36, B: 32, A: 255},
		color.RGBA{R: 150, G: 52, B: 38, A: 255},
		color.RGBA{R: 40, G: 84, B: 122, A: 255},
		color.RGBA{R: 66, G: 98, B: 54, A: 255},
	}
	centre := point{ornamentSide/2 + 24*r.Float64() - 12, ornamentSide/2 + 24*r.Float64() - 12}
	petals := 3 + int(seed)%6
	for layer := range 3 {
		reach, width, ink := 104-30*float64(layer), 3+4*r.Float64(), inks[r.IntN(len(inks))]
		bend := 0.2 + 0.7*r.Float64()
		for petal := range petals {
			heading := 2*math.Pi*float64(petal)/float64(petals) + 0.4*float64(layer)
			var left, right []point
			for i := range 13 {
				t := float64(i) / 12
				swing := bend * math.Sin(math.Pi*t)
				left = append(left, polar(centre, reach*t, heading+swing))
				right = append(right, polar(centre, reach*t, heading-swing))
			}
			if (int(seed)+layer)%2 == 0 {
				for i := len(right) - 1; i >= 0; i-- {
					left = append(left, right[i])
				}
				s.fill(left, ink)
				continue
			}
			s.stroke(left, width, ink)
			s.stroke(right, width, ink)
		}
		if r.IntN(2) == 0 {
			s.circle(centre, reach+6, 2.5, inks[r.IntN(len(inks))])
		}
	}
	s.fill(ring(centre, 8+6*r.Float64(), 48), inks[r.IntN(len(inks))])
	s.age(r, 4)
	return s
}

func polar(centre point, radius, angle float64) point {
	sin, cos := math.Sincos(angle)
	return point{centre.X + radius*cos, centre.Y + radius*sin}
}

func turned(from sheet) sheet {
	out := newSheet(from.Rect.Dy(), from.Rect.Dx(), color.White)
	for y := range from.Rect.Dy() {
		for x := range from.Rect.Dx() {
			out.SetRGBA(from.Rect.Dy()-1-y, x, from.RGBAAt(x, y))
		}
	}
	return out
}

func cut(from sheet) sheet {
	out := newSheet(300, 280, color.White)
	draw.BiLinear.Scale(out, out.Rect, from, image.Rect(22, 14, 226, 204), draw.Src, nil)
	return out
}

func aged(from sheet, seed uint64) sheet {
	out := newSheet(200, 200, color.White)
	draw.BiLinear.Scale(out, out.Rect, from, from.Rect, draw.Src, nil)
	for i := 0; i < len(out.Pix); i += 4 {
		out.Pix[i] = uint8(30 + int(out.Pix[i])*3/4)
		out.Pix[i+1] = uint8(22 + int(out.Pix[i+1])*3/4)
		out.Pix[i+2] = uint8(int(out.Pix[i+2]) * 2 / 3)
	}
	out.age(rand.New(rand.NewPCG(seed, 12)), 12)
	return out
}
