package harness

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"sync/atomic"
	"testing"

	"golang.org/x/image/tiff"
)

// Drawer makes pictures of which no two are alike. The zero value is ready
// and safe for concurrent use.
type Drawer struct{ drawn atomic.Uint32 }

// Picture returns a file of the format: png, jpeg or tiff.
func (d *Drawer) Picture(t testing.TB, format string, width, height int) []byte {
	t.Helper()
	n := d.drawn.Add(1)
	canvas := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			shade := color.RGBA{R: 230, G: 225, B: 215, A: 255}
			if (x/40+y/40)%5 == 0 {
				shade = color.RGBA{R: uint8(n * 37), G: uint8(n * 37 >> 8), B: uint8(n * 37 >> 16), A: 255}
			}
			canvas.SetRGBA(x, y, shade)
		}
	}
	var out bytes.Buffer
	var err error
	switch format {
	case "png":
		err = png.Encode(&out, canvas)
	case "jpeg":
		err = jpeg.Encode(&out, canvas, &jpeg.Options{Quality: 100})
	case "tiff":
		err = tiff.Encode(&out, canvas, nil)
	default:
		err = fmt.Errorf("no encoder for %s", format)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// PNG returns a small PNG file.
func (d *Drawer) PNG(t testing.TB) []byte {
	t.Helper()
	return d.Picture(t, "png", 320, 240)
}

// DataURL returns data as the front end sends it; mediaType is what the
// sender claims.
func DataURL(mediaType string, data []byte) string {
	return "data:" + mediaType + ";base64," + base64.StdEncoding.EncodeToString(data)
}
