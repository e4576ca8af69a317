package raster

import (
	"bytes"
	"fmt"
	"image"
	"image/draw"
	"image/jpeg"

	scale "golang.org/x/image/draw"

	"granary/internal/platform/fault"
)

// thumbnailQuality is enough for a list of small pictures.
const thumbnailQuality = 80

// Thumbnail returns the picture as a JPEG whose longer side has maxSide pixels
// at most; a smaller picture keeps its size. Transparent areas become white.
// Errors: fault.Invalid for damaged pixels or a maxSide below 1.
func (p *Picture) Thumbnail(maxSide int) ([]byte, error) {
	if maxSide < 1 {
		return nil, fault.New(fault.Invalid, "a thumbnail needs a side of at least 1 pixel")
	}
	pixels, err := p.Image()
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, shrink(pixels, maxSide), &jpeg.Options{Quality: thumbnailQuality}); err != nil {
		return nil, fmt.Errorf("encode thumbnail: %w", err)
	}
	return out.Bytes(), nil
}

// shrink averages whole blocks of pixels down to less than twice the target
// and interpolates the rest, so that every source pixel counts and the cost
// stays linear.
func shrink(src image.Image, maxSide int) *image.RGBA {
	w, h := src.Bounds().Dx(), src.Bounds().Dy()
	long := max(w, h)
	small := boxShrink(src, max(long/maxSide, 1))
	if max(small.Rect.Dx(), small.Rect.Dy()) <= maxSide {
		return small
	}
	// Compared to the original size: the blocks at the edges were rounded.
	dst := image.NewRGBA(image.Rect(0, 0, max(w*maxSide/long, 1), max(h*maxSide/long, 1)))
	scale.ApproxBiLinear.Scale(dst, dst.Rect, small, small.Rect, draw.Src, nil)
	return dst
}

// boxShrink divides both sides by n, rounding up, on a white ground. It holds
// one band of n rows besides its result.
func boxShrink(src image.Image, n int) *image.RGBA {
	b := src.Bounds()
	w, h := b.Dx(), b.Dy()
	dst := image.NewRGBA(image.Rect(0, 0, (w+n-1)/n, (h+n-1)/n))
	band := image.NewRGBA(image.Rect(0, 0, w, n))
	sums := make([][4]uint32, dst.Rect.Dx()) // three sums and the pixel count
	for y := range dst.Rect.Dy() {
		rows := min(n, h-y*n)
		draw.Draw(band, band.Rect, image.White, image.Point{}, draw.Src)
		draw.Draw(band, image.Rect(0, 0, w, rows), src, b.Min.Add(image.Pt(0, y*n)), draw.Over)
		clear(sums)
		for r := range rows {
			row := band.Pix[r*band.Stride : r*band.Stride+4*w]
			for x := range dst.Rect.Dx() {
				s := &sums[x]
				for i := 4 * x * n; i < min(4*(x+1)*n, 4*w); i += 4 {
					s[0] += uint32(row[i])
					s[1] += uint32(row[i+1])
					s[2] += uint32(row[i+2])
					s[3]++
				}
			}
		}
		out := dst.Pix[y*dst.Stride:]
		for x, s := range sums {
			for c := range 3 {
				out[4*x+c] = byte(s[c] / s[3])
			}
			out[4*x+3] = 0xff
		}
	}
	return dst
}
