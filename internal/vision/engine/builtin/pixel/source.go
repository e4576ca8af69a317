package pixel

import (
	"image"
	"image/color"
)

// Source reads 8-bit sRGB pixels, composited on white where the picture is
// transparent, from any image type without copying the picture.
type Source struct {
	Width, Height int
	// Row writes the pixels of row y as R, G, B bytes into dst.
	Row func(y int, dst []uint8)
	// At reads one pixel.
	At func(x, y int) (r, g, b uint8)
	// Pick writes the pixels of row y at the columns xs as R, G, B bytes into
	// dst.
	Pick func(y int, xs []int, dst []uint8)
}

// NewSource chooses the fast path for img's type. Coordinates start at 0,
// whatever the bounds of img.
func NewSource(img image.Image) Source {
	b := img.Bounds()
	s := Source{Width: b.Dx(), Height: b.Dy()}
	s.Pick = func(y int, xs []int, dst []uint8) {
		for i, x := range xs {
			q := dst[3*i : 3*i+3 : 3*i+3]
			q[0], q[1], q[2] = s.At(x, y)
		}
	}
	switch m := img.(type) {
	case *image.RGBA:
		s.At = func(x, y int) (uint8, uint8, uint8) {
			i := m.PixOffset(b.Min.X+x, b.Min.Y+y)
			p := m.Pix[i : i+4 : i+4]
			rest := 255 - p[3]
			return p[0] + rest, p[1] + rest, p[2] + rest
		}
		s.Row = func(y int, dst []uint8) {
			pix := m.Pix[m.PixOffset(b.Min.X, b.Min.Y+y):]
			for x := range s.Width {
				p := pix[4*x : 4*x+4 : 4*x+4]
				rest := 255 - p[3]
				q := dst[3*x : 3*x+3 : 3*x+3]
				q[0], q[1], q[2] = p[0]+rest, p[1]+rest, p[2]+rest
			}
		}
		s.Pick = func(y int, xs []int, dst []uint8) {
			pix := m.Pix[m.PixOffset(b.Min.X, b.Min.Y+y):]
			for i, x := range xs {
				p := pix[4*x : 4*x+4 : 4*x+4]
				rest := 255 - p[3]
				q := dst[3*i : 3*i+3 : 3*i+3]
				q[0], q[1], q[2] = p[0]+rest, p[1]+rest, p[2]+rest
			}
		}
		return s
	case *image.NRGBA:
		s.At = func(x, y int) (uint8, uint8, uint8) {
			i := m.PixOffset(b.Min.X+x, b.Min.Y+y)
			p := m.Pix[i : i+4 : i+4]
			return over(p[0], p[3]), over(p[1], p[3]), over(p[2], p[3])
		}
		s.Row = func(y int, dst []uint8) {
			pix := m.Pix[m.PixOffset(b.Min.X, b.Min.Y+y):]
			for x := range s.Width {
				p := pix[4*x : 4*x+4 : 4*x+4]
				q := dst[3*x : 3*x+3 : 3*x+3]
				if p[3] == 255 {
					q[0], q[1], q[2] = p[0], p[1], p[2]
				} else {
					q[0], q[1], q[2] = over(p[0], p[3]), over(p[1], p[3]), over(p[2], p[3])
				}
			}
		}
		s.Pick = func(y int, xs []int, dst []uint8) {
			pix := m.Pix[m.PixOffset(b.Min.X, b.Min.Y+y):]
			for i, x := range xs {
				p := pix[4*x : 4*x+4 : 4*x+4]
				q := dst[3*i : 3*i+3 : 3*i+3]
				if p[3] == 255 {
					q[0], q[1], q[2] = p[0], p[1], p[2]
				} else {
					q[0], q[1], q[2] = over(p[0], p[3]), over(p[1], p[3]), over(p[2], p[3])
				}
			}
		}
		return s
	case *image.Gray:
		s.At = func(x, y int) (uint8, uint8, uint8) {
			v := m.Pix[m.PixOffset(b.Min.X+x, b.Min.Y+y)]
			return v, v, v
		}
	case *image.Gray16:
		s.At = func(x, y int) (uint8, uint8, uint8) {
			v := m.Pix[m.PixOffset(b.Min.X+x, b.Min.Y+y)]
			return v, v, v
		}
	case *image.YCbCr:
		s.At = func(x, y int) (uint8, uint8, uint8) {
			x, y = b.Min.X+x, b.Min.Y+y
			c := m.COffset(x, y)
			return color.YCbCrToRGB(m.Y[m.YOffset(x, y)], m.Cb[c], m.Cr[c])
		}
		s.Row = func(y int, dst []uint8) { rowYCbCr(m, b.Min.Y+y, dst) }
		return s
	case *image.Paletted:
		palette := make([][3]uint8, 256)
		for i, c := range m.Palette {
			if i < len(palette) {
				palette[i] = onWhite(c)
			}
		}
		s.At = func(x, y int) (uint8, uint8, uint8) {
			p := palette[m.Pix[m.PixOffset(b.Min.X+x, b.Min.Y+y)]]
			return p[0], p[1], p[2]
		}
	case *image.RGBA64:
		s.At = func(x, y int) (uint8, uint8, uint8) {
			c := onWhite(m.RGBA64At(b.Min.X+x, b.Min.Y+y))
			return c[0], c[1], c[2]
		}
	case *image.NRGBA64:
		s.At = func(x, y int) (uint8, uint8, uint8) {
			c := onWhite(m.NRGBA64At(b.Min.X+x, b.Min.Y+y))
			return c[0], c[1], c[2]
		}
	default:
		s.At = func(x, y int) (uint8, uint8, uint8) {
			c := onWhite(img.At(b.Min.X+x, b.Min.Y+y))
			return c[0], c[1], c[2]
		}
	}
	s.Row = func(y int, dst []uint8) {
		for x := range s.Width {
			q := dst[3*x : 3*x+3 : 3*x+3]
			q[0], q[1], q[2] = s.At(x, y)
		}
	}
	return s
}

// rowYCbCr is what most photographs pass through: one row of a JPEG.
func rowYCbCr(m *image.YCbCr, y int, dst []uint8) {
	luma := m.Y[m.YOffset(m.Rect.Min.X, y):]
	first := m.COffset(m.Rect.Min.X, y)
	half, odd := 0, 0
	switch m.SubsampleRatio {
	case image.YCbCrSubsampleRatio422, image.YCbCrSubsampleRatio420:
		half, odd = 1, m.Rect.Min.X&1
	case image.YCbCrSubsampleRatio411, image.YCbCrSubsampleRatio410:
		half, odd = 2, m.Rect.Min.X&3
	}
	for x := range m.Rect.Dx() {
		c := first + (x+odd)>>half
		q := dst[3*x : 3*x+3 : 3*x+3]
		q[0], q[1], q[2] = color.YCbCrToRGB(luma[x], m.Cb[c], m.Cr[c])
	}
}

// over composites a non-premultiplied value on white.
func over(v, alpha uint8) uint8 {
	return uint8((uint32(v)*uint32(alpha) + 255*(255-uint32(alpha)) + 127) / 255)
}

func onWhite(c color.Color) [3]uint8 {
	r, g, b, a := c.RGBA()
	rest := 0xFFFF - a
	return [3]uint8{uint8((r + rest) >> 8), uint8((g + rest) >> 8), uint8((b + rest) >> 8)}
}
