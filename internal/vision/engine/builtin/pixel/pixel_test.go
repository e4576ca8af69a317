package pixel_test

import (
	"image"
	"image/color"
	"image/draw"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"granary/internal/vision/engine/builtin/pixel"
)

// TestSourceAgreesWithTheImage compares both ways of reading with the generic
// one, composited on white, for every type, at odd origins.
func TestSourceAgreesWithTheImage(t *testing.T) {
	t.Parallel()
	r := image.Rect(3, 5, 40, 30)
	rng := rand.New(rand.NewPCG(1, 2))
	palette := color.Palette{color.Black, color.White, color.NRGBA{R: 200, G: 10, A: 100}}
	images := map[string]image.Image{
		"RGBA": image.NewRGBA(r), "NRGBA": image.NewNRGBA(r), "RGBA64": image.NewRGBA64(r), "NRGBA64": image.NewNRGBA64(r),
		"Gray": image.NewGray(r), "Gray16": image.NewGray16(r), "Paletted": image.NewPaletted(r, palette), "CMYK": image.NewCMYK(r),
	}
	for _, m := range images {
		for y := r.Min.Y; y < r.Max.Y; y++ {
			for x := r.Min.X; x < r.Max.X; x++ {
				m.(draw.Image).Set(x, y, color.NRGBA{R: uint8(rng.Uint32()), G: uint8(rng.Uint32()), B: uint8(rng.Uint32()), A: uint8(rng.Uint32()) | 3})
			}
		}
	}
	for name, ratio := range map[string]image.YCbCrSubsampleRatio{
		"4:4:4": image.YCbCrSubsampleRatio444, "4:2:2": image.YCbCrSubsampleRatio422, "4:2:0": image.YCbCrSubsampleRatio420,
		"4:4:0": image.YCbCrSubsampleRatio440, "4:1:1": image.YCbCrSubsampleRatio411, "4:1:0": image.YCbCrSubsampleRatio410,
	} {
		m := image.NewYCbCr(r, ratio)
		for _, plane := range [][]uint8{m.Y, m.Cb, m.Cr} {
			for i := range plane {
				plane[i] = uint8(rng.Uint32())
			}
		}
		images["YCbCr "+name] = m
	}
	for name, whole := range images {
		for part, cut := range map[string]image.Rectangle{"whole": r, "part": image.Rect(8, 6, 33, 29)} {
			t.Run(name+" "+part, func(t *testing.T) {
				t.Parallel()
				m := whole.(interface {
					SubImage(image.Rectangle) image.Image
				}).SubImage(cut)
				s := pixel.NewSource(m)
				if s.Width != cut.Dx() || s.Height != cut.Dy() {
					t.Fatalf("NewSource() is %d × %d, want %d × %d", s.Width, s.Height, cut.Dx(), cut.Dy())
				}
				row := make([]uint8, 3*s.Width)
				columns := []int{0, 2, 2, s.Width - 1}
				picked := make([]uint8, 3*len(columns))
				for y := range s.Height {
					s.Row(y, row)
					s.Pick(y, columns, picked)
					for i, x := range columns {
						if got, want := picked[3*i:3*i+3], row[3*x:3*x+3]; !slices.Equal(got, want) {
							t.Fatalf("Pick(%d) at column %d = %v, want %v as Row()", y, x, got, want)
						}
					}
					for x := range s.Width {
						cr, cg, cb, ca := m.At(cut.Min.X+x, cut.Min.Y+y).RGBA()
						want := [3]uint32{(cr + 0xFFFF - ca) >> 8, (cg + 0xFFFF - ca) >> 8, (cb + 0xFFFF - ca) >> 8}
						r, g, b := s.At(x, y)
						for c, got := range [3]uint8{r, g, b} {
							if math.Abs(float64(got)-float64(want[c])) > 1 || got != row[3*x+c] {
								t.Fatalf("pixel %d,%d channel %d: At() = %d, Row() = %d, want %d", x, y, c, got, row[3*x+c], want[c])
							}
						}
					}
				}
			})
		}
	}
}

// TestLab checks against the published values of the ColorChecker-like
// primaries (sRGB, D65).
func TestLab(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		r, g, b uint32
		want    [3]float64
	}{
		{0, 0, 0, [3]float64{0, 0, 0}},
		{255, 255, 255, [3]float64{100, 0, 0}},
		{119, 119, 119, [3]float64{50.03, 0, 0}},
		{255, 0, 0, [3]float64{53.24, 80.09, 67.20}},
		{0, 255, 0, [3]float64{87.73, -86.18, 83.18}},
		{0, 0, 255, [3]float64{32.30, 79.19, -107.86}},
		{20, 10, 5, [3]float64{3.40, 2.71, 3.09}},
	} {
		l, a, b := pixel.Lab().Sixteenths(tc.r*16, tc.g*16, tc.b*16)
		for c, got := range [3]float32{l, a, b} {
			if math.Abs(float64(got)-tc.want[c]) > 0.35 {
				t.Errorf("Sixteenths(%d, %d, %d) channel %d = %.2f, want %.2f", tc.r, tc.g, tc.b, c, got, tc.want[c])
			}
		}
	}
}
