package raster_test

import (
	"bytes"
	"image"
	"image/jpeg"
	"testing"

	"granary/internal/platform/raster"
)

func TestStoredDoesNotTurn(t *testing.T) {
	t.Parallel()
	var plain bytes.Buffer
	if err := jpeg.Encode(&plain, image.NewGray(image.Rect(0, 0, 40, 20)), nil); err != nil {
		t.Fatal(err)
	}
	// APP1 with one big-endian EXIF entry: orientation (0x112) 6, a quarter turn.
	exif := "\xff\xe1\x00\x22Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00"
	data := append([]byte("\xff\xd8"+exif), plain.Bytes()[2:]...)
	upright, err := raster.Gate{}.Open(data)
	if err != nil || upright.Header.Width != 20 {
		t.Fatalf("Open = %+v, %v; want the picture turned to 20x40", upright, err)
	}
	stored, err := raster.Gate{}.Stored(data)
	if err != nil || stored.Bounds() != image.Rect(0, 0, 40, 20) {
		t.Errorf("Stored = %v, %v; want 40x20", stored, err)
	}
	if _, err := (raster.Gate{MaxPixels: 10}).Stored(data); err == nil {
		t.Error("Stored of a picture beyond the limit gave no error")
	}
}
