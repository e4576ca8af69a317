package feature_test

import (
	"encoding/json"
	"flag"
	"image"
	"image/color"
	"image/draw"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"granary/internal/vision/engine/builtin/feature"
)

var update = flag.Bool("update", false, "write the measured features of this version")

// seed draws a crop with whole numbers only, so that it is the same for ever:
// an egg with grain and a pale stripe on slanting ground, size pixels wide.
func seed(size int) *image.RGBA {
	m := image.NewRGBA(image.Rect(3, 5, 3+size, 5+size*2/3))
	w, h := m.Rect.Dx(), m.Rect.Dy()
	for y := range h {
		for x := range w {
			u, v := (2*x+1-w)*1000/w, (2*y+1-h)*1000/h
			grain := (x*x*31 + y*y*17 + x*y*13) % 23
			c := color.RGBA{R: uint8(225 + u/100), G: uint8(215 + u/100), B: uint8(190 + v/100), A: 255}
			if u*u+v*v*(1300+u/3)/1000 < 850_000 {
				c = color.RGBA{R: uint8(120 + grain + v/40), G: uint8(80 + grain/2 + u/50), B: uint8(45 + grain/3), A: 255}
				if (u+v+2000)%500 < 90 {
					c.R, c.G, c.B = c.R+50, c.G+45, c.B+30
				}
			}
			m.SetRGBA(m.Rect.Min.X+x, m.Rect.Min.Y+y, c)
		}
	}
	return m
}

// TestVersionMeasuresTheSame holds Extract to the numbers that were committed
// for its version: models are trained on stored ones. A change on purpose
// raises Version and runs the test with -update.
func TestVersionMeasuresTheSame(t *testing.T) {
	t.Parallel()
	if runtime.GOARCH != "amd64" {
		t.Skip("other processors may round products and sums once, and turn a tie the other way")
	}
	large := seed(700)
	glass := image.NewNRGBA(large.Rect)
	draw.Draw(glass, glass.Rect, large, large.Rect.Min, draw.Src)
	for i := 3; i < len(glass.Pix); i += 4 * 11 {
		glass.Pix[i] = 200
	}
	grey := image.NewGray(large.Rect)
	draw.Draw(grey, grey.Rect, large, large.Rect.Min, draw.Src)
	photo := image.NewYCbCr(large.Rect, image.YCbCrSubsampleRatio420)
	for y := photo.Rect.Min.Y; y < photo.Rect.Max.Y; y++ {
		for x := photo.Rect.Min.X; x < photo.Rect.Max.X; x++ {
			c := large.RGBAAt(x, y)
			photo.Y[photo.YOffset(x, y)], photo.Cb[photo.COffset(x, y)], photo.Cr[photo.COffset(x, y)] = color.RGBToYCbCr(c.R, c.G, c.B)
		}
	}
	got := map[string][]float64{}
	for name, crop := range map[string]image.Image{
		"small": seed(40), "canvas": seed(96), "middle": seed(131), "large": large,
		"see-through": glass, "grey": grey, "photo": photo,
		"plain": image.NewRGBA(image.Rect(0, 0, 30, 20)),
	} {
		got[name] = feature.Extract(crop)
	}
	path := filepath.Join("testdata", "version.json")
	if *update {
		file, err := json.Marshal(got)
		if err == nil {
			err = os.WriteFile(path, append(file, '\n'), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var want map[string][]float64
	if err := json.Unmarshal(file, &want); err != nil {
		t.Fatal(err)
	}
	if len(want) != len(got) {
		t.Errorf("%s has %d crops, want %d", path, len(want), len(got))
	}
	names := feature.Names()
	for name, values := range got {
		if len(want[name]) != len(values) {
			t.Errorf("Extract(%s) = %d numbers, want %d", name, len(values), len(want[name]))
			continue
		}
		for k, v := range values {
			if math.Abs(v-want[name][k]) > 1e-9 {
				t.Errorf("Extract(%s): %s = %v, want %v as in version %d", name, names[k], v, want[name][k], feature.Version)
			}
		}
	}
	if slices.Equal(got["small"], got["large"]) {
		t.Error("Extract() = the same for 40 and 700 pixels, want other sizes")
	}
}
