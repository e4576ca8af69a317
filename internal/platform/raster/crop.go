package raster

import (
	"bytes"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"

	"granary/internal/platform/fault"
)

// jpegQuality is used wherever a JPEG is written again: models must not see
// the second compression.
const jpegQuality = 95

// Crop returns the part of the picture inside box, in pixels from the top
// left corner. box may reach outside the picture; that area is black
// (transparent black where the picture has alpha). The format is kept, except
// that WebP, for which no pure Go encoder exists, becomes PNG. Errors:
// fault.Invalid for an empty box or damaged pixels, fault.TooLarge for a box
// larger than the gate's limits.
func (p *Picture) Crop(box image.Rectangle) (*Picture, error) {
	if box.Empty() {
		return nil, fault.New(fault.Invalid, "the box %v has no area", box)
	}
	g := p.gate.withDefaults()
	if err := g.checkSize(box.Dx(), box.Dy()); err != nil {
		return nil, err
	}
	pixels, err := p.Image()
	if err != nil {
		return nil, err
	}
	box = box.Add(pixels.Bounds().Min)
	if inside, ok := pixels.(interface {
		SubImage(image.Rectangle) image.Image
	}); ok && box.In(pixels.Bounds()) {
		return g.fromPixels(inside.SubImage(box), p.Header.Format), nil
	}
	dst := blank(pixels, image.Rectangle{Max: box.Size()})
	paste(dst, pixels, pixels.Bounds().Min.Sub(box.Min))
	return g.fromPixels(dst, p.Header.Format), nil
}

// encode writes pixels in a format. Speed wins over size: the result is sent
// to a model once.
func encode(pixels image.Image, format Format) ([]byte, error) {
	var out bytes.Buffer
	var err error
	switch format {
	case JPEG:
		err = jpeg.Encode(&out, pixels, &jpeg.Options{Quality: jpegQuality})
	case GIF:
		err = gif.Encode(&out, pixels, nil)
	case BMP:
		err = bmp.Encode(&out, pixels)
	case TIFF:
		err = tiff.Encode(&out, pixels, &tiff.Options{Compression: tiff.Uncompressed})
	default:
		encoder := png.Encoder{CompressionLevel: png.BestSpeed}
		if size := pixels.Bounds().Size(); size.X*size.Y <= maxStored {
			if file := storedPNG(pixels); file != nil {
				return file, nil
			}
			encoder.CompressionLevel = png.NoCompression
		}
		err = encoder.Encode(&out, pixels)
	}
	return out.Bytes(), err
}

// maxStored is up to how many pixels a PNG is written without compression: of
// a crop that saves most of the time, and costs the wire some kilobytes.
const maxStored = 1 << 18
