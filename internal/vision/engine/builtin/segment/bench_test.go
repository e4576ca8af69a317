package segment_test

import (
	"fmt"
	"image"
	"testing"

	"granary/internal/vision/engine/builtin/segment"
	"granary/internal/vision/synth"
)

// scene renders about mp megapixels of 30 seeds on uneven, noisy ground.
func scene(mp float64) image.Image {
	height := 100
	for float64(height*height*4/3) < mp*1e6 {
		height += 2
	}
	return synth.Render(synth.Scene{
		Width: height * 4 / 3, Height: height, Count: 30, Scale: float64(height) / 60,
		Gradient: 0.2, Noise: 2, Shadow: 0.2, Debris: 10, Touching: 4, Seed: 1,
	}).Image
}

// BenchmarkFind shows that time grows no faster than the picture.
func BenchmarkFind(b *testing.B) {
	for _, mp := range []float64{0.5, 1, 2, 4, 8, 16, 32} {
		b.Run(fmt.Sprintf("%gMP", mp), func(b *testing.B) {
			img := scene(mp)
			size := img.Bounds()
			b.SetBytes(int64(size.Dx() * size.Dy()))
			for b.Loop() {
				if _, err := segment.Find(b.Context(), img); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
