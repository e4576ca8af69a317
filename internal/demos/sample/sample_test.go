package sample_test

import (
	"archive/zip"
	"bytes"
	"image/png"
	"testing"

	"granary/internal/demos/sample"
)

// documents are the samples with how many pictures each has.
func documents() map[string]struct {
	draw func() ([]sample.Picture, error)
	want int
} {
	return map[string]struct {
		draw func() ([]sample.Picture, error)
		want int
	}{
		"alike": {sample.Alike, 32}, "drawings": {sample.Drawings, 2}, "pages": {sample.Pages, 2}, "shapes": {sample.Shapes, 48},
	}
}

func TestSamplesAreTheSameAtEveryCall(t *testing.T) {
	t.Parallel()
	for name, document := range documents() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first, err := document.draw()
			if err != nil {
				t.Fatal(err)
			}
			second, err := document.draw()
			if err != nil {
				t.Fatal(err)
			}
			if len(first) != document.want {
				t.Errorf("%d pictures, want %d", len(first), document.want)
			}
			for i := range first {
				if !bytes.Equal(first[i].PNG, second[i].PNG) {
					t.Errorf("picture %s differs between two calls", first[i].Name)
				}
			}
		})
	}
}

func TestZipHoldsEveryPicture(t *testing.T) {
	t.Parallel()
	pictures, err := sample.Drawings()
	if err != nil {
		t.Fatal(err)
	}
	data, err := sample.Zip(pictures)
	if err != nil {
		t.Fatal(err)
	}
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	for _, picture := range pictures {
		file, err := archive.Open(picture.Name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := png.Decode(file); err != nil {
			t.Errorf("decode %s: %v", picture.Name, err)
		}
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	}
}
