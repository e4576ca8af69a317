package raster

import (
	"image"
	"image/color"
	"image/draw"
	"reflect"
	"slices"
)

// blank returns a black picture that holds the pixels of src without loss:
// depth, alpha and palette are kept; JPEG's colour models become RGB.
func blank(src image.Image, size image.Rectangle) draw.Image {
	switch p := src.(type) {
	case *image.Gray:
		return image.NewGray(size)
	case *image.Gray16:
		return image.NewGray16(size)
	case *image.NRGBA:
		return image.NewNRGBA(size)
	case *image.NYCbCrA:
		return image.NewNRGBA(size)
	case *image.NRGBA64:
		return image.NewNRGBA64(size)
	case *image.RGBA64:
		dst := image.NewRGBA64(size)
		if p.Opaque() {
			opaque(dst.Pix, 8)
		}
		return dst
	case *image.RGBA:
		dst := image.NewRGBA(size)
		if p.Opaque() {
			opaque(dst.Pix, 4)
		}
		return dst
	case *image.Paletted:
		if dst := blankPaletted(p, size); dst != nil {
			return dst
		}
		return image.NewNRGBA(size)
	}
	dst := image.NewRGBA(size)
	opaque(dst.Pix, 4)
	return dst
}

// opaque sets the alpha sample, the last one of each pixel, to its maximum.
func opaque(pix []byte, step int) {
	for i := step - step/4; i < len(pix); i += step {
		for j := range step / 4 {
			pix[i+j] = 0xff
		}
	}
}

// blankPaletted returns a black picture with the palette of src, to which
// black is added when there is room. It returns nil when there is none.
func blankPaletted(src *image.Paletted, size image.Rectangle) *image.Paletted {
	palette := src.Palette
	black := slices.IndexFunc(palette, func(c color.Color) bool {
		r, g, b, a := c.RGBA()
		return r|g|b == 0 && a == 0xffff
	})
	if black < 0 {
		if len(palette) >= 256 {
			return nil
		}
		black = len(palette)
		palette = append(slices.Clone(palette), color.RGBA{A: 0xff})
	}
	dst := image.NewPaletted(size, palette)
	if black != 0 {
		for i := range dst.Pix {
			dst.Pix[i] = byte(black)
		}
	}
	return dst
}

// paste puts the pixels of src on dst, which blank made for it, with the first
// one at the point at; what falls outside dst is left out. Pictures of one
// layout are copied byte by byte, which keeps palette indices as they are.
func paste(dst draw.Image, src image.Image, at image.Point) {
	b := src.Bounds()
	target := image.Rectangle{Min: at, Max: at.Add(b.Size())}.Intersect(dst.Bounds())
	if target.Empty() {
		return
	}
	start := b.Min.Add(target.Min.Sub(at))
	from, fromStride, step := pixelsOf(src)
	if step == 0 || reflect.TypeOf(src) != reflect.TypeOf(dst) {
		draw.Draw(dst, target, src, start, draw.Src)
		return
	}
	to, toStride, _ := pixelsOf(dst)
	for y := range target.Dy() {
		f := (start.Y-b.Min.Y+y)*fromStride + (start.X-b.Min.X)*step
		t := (target.Min.Y-dst.Bounds().Min.Y+y)*toStride + (target.Min.X-dst.Bounds().Min.X)*step
		copy(to[t:t+target.Dx()*step], from[f:])
	}
}

// pixelsOf returns the bytes, the stride and the bytes per pixel of a picture
// with interleaved samples; step is 0 for the others (YCbCr, CMYK).
func pixelsOf(img image.Image) (pix []byte, stride, step int) {
	switch p := img.(type) {
	case *image.Gray:
		return p.Pix, p.Stride, 1
	case *image.Paletted:
		return p.Pix, p.Stride, 1
	case *image.Gray16:
		return p.Pix, p.Stride, 2
	case *image.RGBA:
		return p.Pix, p.Stride, 4
	case *image.NRGBA:
		return p.Pix, p.Stride, 4
	case *image.RGBA64:
		return p.Pix, p.Stride, 8
	case *image.NRGBA64:
		return p.Pix, p.Stride, 8
	}
	return nil, 0, 0
}

// rebase moves the origin of a sub-image to 0,0. The pixels are shared where
// the layout allows it.
func rebase(img image.Image) image.Image {
	b := img.Bounds()
	if b.Min.Eq(image.Point{}) {
		return img
	}
	size := image.Rectangle{Max: b.Size()}
	switch p := img.(type) {
	case *image.NRGBA:
		return &image.NRGBA{Pix: p.Pix, Stride: p.Stride, Rect: size}
	case *image.RGBA:
		return &image.RGBA{Pix: p.Pix, Stride: p.Stride, Rect: size}
	case *image.Gray:
		return &image.Gray{Pix: p.Pix, Stride: p.Stride, Rect: size}
	}
	dst := blank(img, size)
	paste(dst, img, image.Point{})
	return dst
}
