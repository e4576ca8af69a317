package feature_test

import (
	"image"
	"image/color"
	"image/draw"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"granary/internal/vision/engine/builtin/feature"
	"granary/internal/vision/synth"
)

// crop cuts the box of each true object out of a scene.
func crops(scene synth.Scene) []image.Image {
	p := synth.Render(scene)
	var out []image.Image
	for _, t := range p.Truth {
		out = append(out, p.Image.SubImage(t.Rect()))
	}
	return out
}

func named(t *testing.T, values []float64) map[string]float64 {
	t.Helper()
	names := feature.Names()
	if len(values) != feature.Count || len(names) != feature.Count {
		t.Fatalf("Extract() = %d numbers with %d names, want %d", len(values), len(names), feature.Count)
	}
	out := make(map[string]float64, len(values))
	for i, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			t.Errorf("feature %s = %v, want a finite number", names[i], v)
		}
		out[names[i]] = v
	}
	return out
}

// disc draws a plain shape whose measures are known.
func drawn(w, h int, inside func(x, y float64) bool) image.Image {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := color.RGBA{R: 240, G: 240, B: 240, A: 255}
			if inside(float64(x)+0.5, float64(y)+0.5) {
				c = color.RGBA{R: 90, G: 60, B: 30, A: 255}
			}
			m.SetRGBA(x, y, c)
		}
	}
	return m
}

func TestExtractMeasuresKnownShapes(t *testing.T) {
	t.Parallel()
	disc := named(t, feature.Extract(drawn(200, 200, func(x, y float64) bool { return math.Hypot(x-100, y-100) < 98 })))
	ellipse := named(t, feature.Extract(drawn(200, 80, func(x, y float64) bool {
		return math.Hypot((x-100)/98, (y-40)/38) < 1
	})))
	square := named(t, feature.Extract(drawn(120, 120, func(x, y float64) bool {
		return x > 6 && y > 6 && x < 114 && y < 114
	})))
	for _, tc := range []struct {
		name                 string
		got, want, tolerance float64
	}{
		{"disc log_area", disc["log_area"], math.Log(math.Pi * 98 * 98), 0.05},
		{"disc log_major", disc["log_major"], math.Log(196), 0.03},
		{"disc elongation", disc["elongation"], 1, 0.02},
		{"disc solidity", disc["solidity"], 1, 0.03},
		{"disc circularity", disc["circularity"], 1, 0.08},
		{"disc radial_spread", disc["radial_spread"], 0, 0.02},
		{"disc rectangularity", disc["rectangularity"], math.Pi / 4, 0.03},
		{"disc l_mean", disc["l_mean"], 28.3, 1.5},
		{"ellipse elongation", ellipse["elongation"], 38.0 / 98, 0.02},
		{"ellipse off_ellipse", ellipse["off_ellipse"], 0, 0.03},
		{"ellipse hu_2 above disc's", ellipse["hu_2"] - disc["hu_2"], 7.5, 3},
		{"square rectangularity", square["rectangularity"], 1, 0.04},
		{"square box_aspect", square["box_aspect"], 1, 0.03},
		{"square skewness", square["skewness"], 0, 0.05},
	} {
		if math.Abs(tc.got-tc.want) > tc.tolerance {
			t.Errorf("%s = %.3f, want %.3f ± %.3f", tc.name, tc.got, tc.want, tc.tolerance)
		}
	}
}

// turned rotates by quarter turns, which loses nothing.
func turned(src image.Image) image.Image {
	b := src.Bounds()
	dst := image.NewRGBA(image.Rect(0, 0, b.Dy(), b.Dx()))
	for y := range b.Dy() {
		for x := range b.Dx() {
			dst.Set(b.Dy()-1-y, x, src.At(b.Min.X+x, b.Min.Y+y))
		}
	}
	return dst
}

// TestExtractIsInvariant compares the change that a turn or another resolution
// makes with the spread between species.
func TestExtractIsInvariant(t *testing.T) {
	t.Parallel()
	scene := synth.Scene{Width: 1600, Height: 1200, Count: 30, Scale: 26, Noise: 1, Seed: 3}
	normal := crops(scene)
	spread := make([]float64, feature.Count)
	var all [][]float64
	for _, c := range normal {
		all = append(all, feature.Extract(c))
	}
	for k := range spread {
		var sum, squares float64
		for _, f := range all {
			sum += f[k]
			squares += f[k] * f[k]
		}
		n := float64(len(all))
		spread[k] = math.Sqrt(max(squares/n-sum*sum/n/n, 0)) + 1e-3
	}
	var turn, half float64
	for i, c := range normal {
		after := feature.Extract(turned(c))
		// Halved by averaging 2 × 2.
		b := c.Bounds()
		small := image.NewRGBA(image.Rect(0, 0, b.Dx()/2, b.Dy()/2))
		for y := range small.Rect.Dy() {
			for x := range small.Rect.Dx() {
				var sum [3]uint32
				for _, d := range [...]image.Point{{}, {X: 1}, {Y: 1}, {X: 1, Y: 1}} {
					r, g, bb, _ := c.At(b.Min.X+2*x+d.X, b.Min.Y+2*y+d.Y).RGBA()
					sum[0], sum[1], sum[2] = sum[0]+r, sum[1]+g, sum[2]+bb
				}
				small.SetRGBA(x, y, color.RGBA{R: uint8(sum[0] >> 10), G: uint8(sum[1] >> 10), B: uint8(sum[2] >> 10), A: 255})
			}
		}
		shrunk := feature.Extract(small)
		for k := feature.Sizes; k < feature.Count; k++ {
			turn += math.Abs(after[k]-all[i][k]) / spread[k]
			half += math.Abs(shrunk[k]-all[i][k]) / spread[k]
		}
	}
	n := float64(len(normal) * (feature.Count - feature.Sizes))
	t.Logf("mean change in deviations between species: quarter turn %.3f, half the resolution %.3f", turn/n, half/n)
	if got := turn / n; got > 0.05 {
		t.Errorf("a quarter turn changes features by %.3f deviations, want at most 0.05", got)
	}
	if got := half / n; got > 0.35 {
		t.Errorf("half the resolution changes features by %.3f deviations, want at most 0.35", got)
	}
}

func TestExtractTakesAnyCrop(t *testing.T) {
	t.Parallel()
	plain := image.NewGray(image.Rect(0, 0, 50, 40))
	odd := image.NewNRGBA(image.Rect(5, 5, 12, 9))
	odd.SetNRGBA(7, 7, color.NRGBA{R: 255, A: 128})
	ground := image.NewRGBA(image.Rect(0, 0, 60, 60))
	draw.Draw(ground, ground.Bounds(), image.White, image.Point{}, draw.Src)
	ground.Set(3, 3, color.Black)
	for name, img := range map[string]image.Image{
		"one pixel":  image.NewRGBA(image.Rect(0, 0, 1, 1)),
		"one row":    image.NewRGBA(image.Rect(0, 0, 300, 1)),
		"one column": image.NewRGBA(image.Rect(0, 0, 1, 300)),
		"plain":      plain,
		"odd origin": odd,
		"huge":       image.NewGray(image.Rect(0, 0, 6000, 4000)),
		"one speck":  ground,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			named(t, feature.Extract(img))
			if diff := cmp.Diff(feature.Extract(img), feature.Extract(img)); diff != "" {
				t.Errorf("Extract() differs between two runs:\n%s", diff)
			}
		})
	}
}

func BenchmarkExtract(b *testing.B) {
	for _, tc := range []struct {
		name  string
		scale float64
	}{{"40px", 5}, {"200px", 24}, {"1200px", 150}} {
		b.Run(tc.name, func(b *testing.B) {
			size := int(tc.scale * 12)
			crop := crops(synth.Scene{Width: size, Height: size, Count: 1, Scale: tc.scale, Species: synth.Pick("Ambrosia trifida"), Seed: 1, Noise: 2})[0]
			for b.Loop() {
				feature.Extract(crop)
			}
		})
	}
}
