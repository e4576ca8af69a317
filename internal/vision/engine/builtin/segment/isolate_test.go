package segment_test

import (
	"image"
	"testing"

	"granary/internal/vision/engine/builtin/pixel"
	"granary/internal/vision/engine/builtin/segment"
	"granary/internal/vision/synth"
)

func isolate(img *image.RGBA, box image.Rectangle) (mask []bool, found bool) {
	w, h := box.Dx(), box.Dy()
	l, a, b := make([]float32, w*h), make([]float32, w*h), make([]float32, w*h)
	for y := range h {
		for x := range w {
			c := img.RGBAAt(box.Min.X+x, box.Min.Y+y)
			i := y*w + x
			l[i], a[i], b[i] = pixel.Lab().Sixteenths(uint32(c.R)*16, uint32(c.G)*16, uint32(c.B)*16)
		}
	}
	mask, _, found = segment.Isolate(l, a, b, w, h)
	return mask, found
}

// TestIsolateCoversTheObject compares masks with the pixels that differ from a
// plain ground, for tight and loose boxes of every species.
func TestIsolateCoversTheObject(t *testing.T) {
	t.Parallel()
	for i, species := range synth.Catalogue() {
		p := synth.Render(synth.Scene{Width: 240, Height: 240, Count: 1, Species: []synth.Species{species}, Scale: 160 / species.Length, Seed: uint64(i)})
		for name, grow := range map[string]int{"tight": 0, "loose": 25} {
			box := p.Truth[0].Rect().Inset(-grow).Intersect(p.Image.Rect)
			mask, found := isolate(p.Image, box)
			var both, either float64
			for y := range box.Dy() {
				for x := range box.Dx() {
					object := p.Image.RGBAAt(box.Min.X+x, box.Min.Y+y) != synth.LightGround()
					in := mask[y*box.Dx()+x]
					if object && in {
						both++
					}
					if object || in {
						either++
					}
				}
			}
			if got := both / either; !found || got < 0.91 {
				t.Errorf("Isolate(%s, %s box) agrees by %.3f (found %t), want 0.91", species.Name, name, got, found)
			}
		}
	}
}

func TestIsolateWithoutGround(t *testing.T) {
	t.Parallel()
	img := image.NewRGBA(image.Rect(0, 0, 40, 30))
	mask, found := isolate(img, img.Rect)
	if found {
		t.Error("Isolate(plain crop) found ground, want none")
	}
	count := 0
	for _, in := range mask {
		if in {
			count++
		}
	}
	if count < 900 || count > 980 {
		t.Errorf("Isolate(plain crop) = %d pixels, want the inscribed ellipse's 942", count)
	}
}
