package raster

import (
	"bytes"
	"image"
	"image/png"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestStoredPNGHoldsThePixels(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"gray", "rgb", "nrgba"} {
		for _, box := range []image.Rectangle{image.Rect(0, 0, 1, 1), image.Rect(3, 5, 4, 40), image.Rect(7, 2, 250, 90), image.Rect(0, 0, 300, 90)} {
			whole := drawing(kind, 300, 90).(interface {
				SubImage(image.Rectangle) image.Image
			})
			pixels := rebase(whole.SubImage(box))
			file := storedPNG(pixels)
			if len(file) != cap(file) {
				t.Errorf("storedPNG(%s, %v) has %d bytes, want %d as reckoned", kind, box, len(file), cap(file))
			}
			got, err := png.Decode(bytes.NewReader(file))
			if err != nil {
				t.Errorf("png.Decode(storedPNG(%s, %v)) = %v", kind, box, err)
				continue
			}
			want, err := png.Decode(bytes.NewReader(encoded(t, pixels, png.NoCompression)))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("storedPNG(%s, %v): -want +got\n%.500s", kind, box, diff)
			}
		}
	}
}

func TestStoredPNGLeavesOtherLayoutsAlone(t *testing.T) {
	t.Parallel()
	size := image.Rect(0, 0, 4, 4)
	for _, pixels := range []image.Image{image.NewRGBA(size), image.NewGray16(size), image.NewNRGBA64(size), image.NewPaletted(size, nil), image.NewGray(image.Rect(0, 0, largestStored, 1))} {
		if file := storedPNG(pixels); file != nil {
			t.Errorf("storedPNG(%T) = %d bytes, want none", pixels, len(file))
		}
	}
}
