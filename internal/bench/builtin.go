package bench

import (
	"context"
	"errors"
	"fmt"
	"image"
	"math"
	"time"

	"granary/internal/platform/raster"
	"granary/internal/vision/engine"
	"granary/internal/vision/engine/builtin"
	"granary/internal/vision/synth"
)

// models measures the built-in detector over sizes of pictures and the
// built-in classifier over boxes, with the pictures decoded before.
func (b *bench) models(ctx context.Context) (section Section, err error) {
	section = Section{Title: "built-in models"}
	slot := new(builtin.Slot)
	detector, err := builtin.New(slot).Open(ctx, engine.Spec{Name: builtin.DetectorName, Engine: "builtin", Task: engine.ObjectDetection})
	if err != nil {
		return section, err
	}
	defer func() { err = errors.Join(err, detector.Close()) }()
	var gate raster.Gate
	var perPixel []float64 // of the smallest and the largest picture
	for _, megapixels := range []float64{0.5, 1, 2, 4, 8} {
		width := int(math.Round(math.Sqrt(megapixels * 1e6 * 4 / 3)))
		height := int(math.Round(megapixels * 1e6 / float64(width)))
		file, err := encodePNG(scene(width, height, 2))
		if err != nil {
			return section, err
		}
		var decoding, detecting, each []float64
		for range b.rounds {
			began := time.Now()
			picture, err := gate.Open(file)
			if err == nil {
				_, err = picture.Image()
			}
			if err != nil {
				return section, fmt.Errorf("decode: %w", err)
			}
			decoding = append(decoding, time.Since(began).Seconds()*1e3)
			began = time.Now()
			if _, err := detector.Detect(ctx, picture); err != nil {
				return section, fmt.Errorf("detect: %w", err)
			}
			took := time.Since(began)
			detecting = append(detecting, took.Seconds()*1e3)
			each = append(each, float64(took.Nanoseconds())/float64(width*height))
		}
		name := fmt.Sprintf("detector, %g MP", megapixels)
		figure := section.add(name, "ms", detecting...)
		if megapixels == 2 {
			figure.atMost(60)
			section.add("PNG decoding, 2 MP", "ms", decoding...)
		}
		section.add(name, "ns/pixel", each...)
		perPixel = append(perPixel, median(each))
	}
	section.add("time a pixel at 8 MP / at 0.5 MP", "ratio", perPixel[len(perPixel)-1]/perPixel[0])
	return section, b.classifier(ctx, &section, slot)
}

// classifier measures a box of about 130 pixels with a model that knows every
// species of the generator.
func (b *bench) classifier(ctx context.Context, section *Section, slot *builtin.Slot) (err error) {
	examples, err := learn()
	if err != nil {
		return err
	}
	trained, _, err := builtin.Train(ctx, examples, builtin.Options{})
	if err != nil {
		return fmt.Errorf("train: %w", err)
	}
	slot.Swap(trained)
	model, err := builtin.New(slot).Open(ctx, engine.Spec{Name: builtin.ClassifierName, Engine: "builtin", Task: engine.Classification})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, model.Close()) }()
	rendered := synth.Render(synth.Scene{Width: 300, Height: 300, Count: 1, Species: synth.Pick("Ambrosia trifida"), Seed: 7})
	crop, err := open(rendered.Image, rendered.Truth[0].Rect())
	if err != nil {
		return err
	}
	var times []float64
	for range b.rounds {
		const boxes = 20
		began := time.Now()
		for range boxes {
			if _, err := model.Classify(ctx, crop); err != nil {
				return fmt.Errorf("classify: %w", err)
			}
		}
		times = append(times, time.Since(began).Seconds()*1e3/boxes)
	}
	section.add(fmt.Sprintf("classifier, a box, %d labels", len(trained.Labels())), "ms", times...).atMost(2)
	return nil
}

// learn draws examples of every species.
func learn() ([]builtin.Example, error) {
	var examples []builtin.Example
	for seed := range uint64(8) {
		rendered := synth.Render(synth.Scene{Width: 1000, Height: 800, Count: 45, Noise: 2, Gradient: 0.15, Seed: seed + 1})
		picture, err := open(rendered.Image, rendered.Image.Rect)
		if err != nil {
			return nil, err
		}
		for i, truth := range rendered.Truth {
			features, err := builtin.Extract(picture, truth.Rect())
			if err != nil {
				return nil, fmt.Errorf("measure example: %w", err)
			}
			examples = append(examples, builtin.Example{
				Features: features, Label: truth.Species, ID: fmt.Sprintf("%d-%d", seed, i),
			})
		}
	}
	return examples, nil
}

// open passes part of a drawn picture through the gate and decodes it.
func open(pixels *image.RGBA, area image.Rectangle) (*raster.Picture, error) {
	file, err := encodePNG(&synth.Picture{Image: pixels.SubImage(area.Intersect(pixels.Rect)).(*image.RGBA)})
	if err != nil {
		return nil, err
	}
	picture, err := raster.Gate{}.Open(file)
	if err != nil {
		return nil, err
	}
	_, err = picture.Image()
	return picture, err
}
