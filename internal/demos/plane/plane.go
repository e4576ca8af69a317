// Package plane is the grey picture that the built-in apps compute on: made
// from any decoded image, scaled, cropped and turned. It owns no decoding
// (the image gate does) and no algorithm of one app.
//
//	image.Image ──► From ──► Gray ──► Scaled · Cropped · Turned ──► descriptors, segmentation, tracing
package plane

import (
	"image"
	"image/color"
)

// Gray is a picture of W×H samples, row by row without gaps, 0 black to 255
// white.
type Gray struct {
	W, H int
	Pix  []uint8
}

// New returns a black picture.
func New(w, h int) Gray { return Gray{W: w, H: h, Pix: make([]uint8, w*h)} }

// From returns the luma (ITU-R BT.601) of img over white, so that what is
// transparent reads as paper.
func From(img image.Image) Gray {
	b := img.Bounds()
	g := New(b.Dx(), b.Dy())
	switch src := img.(type) {
	case *image.Gray:
		for y := range g.H {
			copy(g.Row(y), src.Pix[y*src.Stride:])
		}
	case *image.YCbCr:
		for y := range g.H {
			offset := src.YOffset(b.Min.X, b.Min.Y+y)
			copy(g.Row(y), src.Y[offset:offset+g.W])
		}
	case *image.RGBA:
		for y := range g.H {
			row, dst := src.Pix[y*src.Stride:], g.Row(y)
			for x := range dst {
				p := row[4*x : 4*x+4 : 4*x+4]
				dst[x] = luma(uint32(p[0]), uint32(p[1]), uint32(p[2]), 255-uint32(p[3]))
			}
		}
	default:
		for y := range g.H {
			dst := g.Row(y)
			for x := range dst {
				r, gr, bl, a := img.At(b.Min.X+x, b.Min.Y+y).RGBA()
				dst[x] = luma(r>>8, gr>>8, bl>>8, 255-a>>8)
			}
		}
	}
	return g
}

// luma weighs premultiplied channels of 0..255; white is what shines through.
func luma(r, g, b, white uint32) uint8 {
	return uint8(min(255, (299*r+587*g+114*b+500)/1000+white))
}

// Row returns the samples of row y, shared with g.
func (g Gray) Row(y int) []uint8 { return g.Pix[y*g.W : (y+1)*g.W : (y+1)*g.W] }

// At returns the sample at x, y, the nearest one for a place outside.
func (g Gray) At(x, y int) uint8 {
	return g.Pix[min(max(y, 0), g.H-1)*g.W+min(max(x, 0), g.W-1)]
}

// Image returns g as an image that shares its samples.
func (g Gray) Image() *image.Gray {
	return &image.Gray{Pix: g.Pix, Stride: g.W, Rect: image.Rect(0, 0, g.W, g.H)}
}

// Within returns g scaled down so that no side exceeds side, or g itself.
func (g Gray) Within(side int) Gray {
	longest := max(g.W, g.H)
	if longest <= side {
		return g
	}
	return g.Scaled(max(1, g.W*side/longest), max(1, g.H*side/longest))
}

// Cropped returns a copy of the part of g inside r.
func (g Gray) Cropped(r image.Rectangle) Gray {
	r = r.Intersect(image.Rect(0, 0, g.W, g.H))
	out := New(r.Dx(), r.Dy())
	for y := range out.H {
		copy(out.Row(y), g.Row(r.Min.Y + y)[r.Min.X:])
	}
	return out
}

// Filled returns a picture of one shade.
func Filled(w, h int, shade color.Gray) Gray {
	g := New(w, h)
	for i := range g.Pix {
		g.Pix[i] = shade.Y
	}
	return g
}
