package builtin_test

import (
	"testing"

	"granary/internal/platform/raster"
	"granary/internal/vision/engine/builtin"
	"granary/internal/vision/synth"
)

// BenchmarkDetect2MP is the detector's published figure: 2 MP with 30 seeds on
// uneven, noisy ground, decoded before.
func BenchmarkDetect2MP(b *testing.B) {
	p := picture(b, synth.Render(synth.Scene{
		Width: 1633, Height: 1225, Count: 30, Scale: 20, Gradient: 0.2, Noise: 2, Shadow: 0.2, Debris: 10, Touching: 4, Seed: 1,
	}).Image)
	m := openModel(b, builtin.New(new(builtin.Slot)), builtin.DetectorName, "")
	if _, err := p.Image(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := m.Detect(b.Context(), p); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkClassify is the classifier's published figure: one crop of about
// 130 pixels, decoded before, 15 labels learned from 300 examples.
func BenchmarkClassify(b *testing.B) {
	examples := gather(b, synth.Catalogue(), 20, 1, 16)
	c, _, err := builtin.Train(b.Context(), examples, builtin.Options{})
	if err != nil {
		b.Fatal(err)
	}
	slot := new(builtin.Slot)
	slot.Swap(c)
	m := openModel(b, builtin.New(slot), builtin.ClassifierName, "")
	scene := synth.Render(synth.Scene{Width: 300, Height: 300, Count: 1, Scale: 16, Species: synth.Pick("Ambrosia trifida"), Seed: 7})
	var crop *raster.Picture
	if crop, err = picture(b, scene.Image).Crop(scene.Truth[0].Rect()); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := m.Classify(b.Context(), crop); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTrain300(b *testing.B) {
	examples := gather(b, synth.Catalogue(), 20, 1, 16)
	for b.Loop() {
		if _, _, err := builtin.Train(b.Context(), examples, builtin.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
