package demo

import (
	"bytes"
	_ "embed" // the sample photograph
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"os"
	"path/filepath"

	"granary/internal/vision/synth"
)

//go:embed samples/coins.png
var coins []byte

// sample is a picture of the demo. truth is empty where it is not known.
type sample struct {
	name          string
	png           []byte
	pixels        image.Image
	width, height int
	truth         []synth.Truth
}

// species is how many kinds of seeds the drawn pictures hold.
const species = 6

// drawn returns n pictures of seeds whose truth is known.
func drawn(n int) ([]sample, error) {
	kinds := synth.Catalogue()
	samples := make([]sample, n)
	for i := range samples {
		picture := synth.Render(synth.Scene{
			Width: 900, Height: 700, Count: 24, Seed: uint64(i + 1),
			Species: pick(kinds),
		})
		var buffer bytes.Buffer
		if err := (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&buffer, picture.Image); err != nil {
			return nil, err
		}
		samples[i] = sample{
			name: fmt.Sprintf("seeds-%d.png", i+1), png: buffer.Bytes(), pixels: picture.Image,
			width: picture.Image.Rect.Dx(), height: picture.Image.Rect.Dy(), truth: picture.Truth,
		}
	}
	return samples, nil
}

// pick spreads over the catalogue, so that the kinds differ.
func pick(kinds []synth.Species) []synth.Species {
	var chosen []synth.Species
	for i := range species {
		chosen = append(chosen, kinds[i*len(kinds)/species])
	}
	return chosen
}

// open reads a photograph.
func open(name string, data []byte) (sample, error) {
	pixels, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		return sample{}, fmt.Errorf("sample %s: %w", name, err)
	}
	canvas := image.NewRGBA(pixels.Bounds())
	draw.Draw(canvas, canvas.Rect, pixels, pixels.Bounds().Min, draw.Src)
	return sample{name: name, png: data, pixels: canvas, width: canvas.Rect.Dx(), height: canvas.Rect.Dy()}, nil
}

// own returns the PNG pictures of a folder; a missing folder has none.
func own(folder string) ([]sample, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*.png"))
	if err != nil {
		return nil, err
	}
	var samples []sample
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		one, err := open(filepath.Base(path), data)
		if err != nil {
			return nil, err
		}
		samples = append(samples, one)
	}
	return samples, nil
}
