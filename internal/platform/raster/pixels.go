package raster

import (
	"image"
	"image/draw"
)

// NRGBA returns the pixels as 8-bit RGB with straight alpha and the origin at
// 0,0. It converts at every call unless the file decoded to that layout; the
// result may share memory with the picture and must not be changed. Errors: as
// Image.
func (p *Picture) NRGBA() (*image.NRGBA, error) {
	pixels, err := p.Image()
	if err != nil {
		return nil, err
	}
	return toNRGBA(pixels), nil
}

func toNRGBA(pixels image.Image) *image.NRGBA {
	b := pixels.Bounds()
	size := image.Rectangle{Max: b.Size()}
	switch src := pixels.(type) {
	case *image.NRGBA:
		return &image.NRGBA{Pix: src.Pix, Stride: src.Stride, Rect: size}
	case *image.RGBA:
		if src.Opaque() { // premultiplied and straight alpha agree
			return &image.NRGBA{Pix: src.Pix, Stride: src.Stride, Rect: size}
		}
	case *image.YCbCr, *image.CMYK, *image.Gray:
		// draw has fast paths from these into RGBA, and they are opaque.
		dst := image.NewRGBA(size)
		draw.Draw(dst, size, pixels, b.Min, draw.Src)
		return &image.NRGBA{Pix: dst.Pix, Stride: dst.Stride, Rect: size}
	case *image.Paletted:
		return palettedNRGBA(src, size)
	}
	dst := image.NewNRGBA(size)
	draw.Draw(dst, size, pixels, b.Min, draw.Src)
	return dst
}

// palettedNRGBA looks every index up once instead of converting every pixel.
func palettedNRGBA(src *image.Paletted, size image.Rectangle) *image.NRGBA {
	swatch := image.NewNRGBA(image.Rect(0, 0, 256, 1))
	for i, c := range src.Palette {
		swatch.Set(i, 0, c)
	}
	dst := image.NewNRGBA(size)
	for y := range size.Dy() {
		from, to := src.Pix[y*src.Stride:], dst.Pix[y*dst.Stride:]
		for x := range size.Dx() {
			copy(to[4*x:4*x+4], swatch.Pix[4*int(from[x]):])
		}
	}
	return dst
}
