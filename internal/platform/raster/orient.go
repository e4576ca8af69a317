package raster

import (
	"bytes"
	"image"
)

// exifOrientation reads tag 274 of the first directory of an EXIF block (a
// TIFF structure; CIPA DC-008, section 4.6.4). It returns 0 when there is none:
// damaged metadata is no reason to refuse a picture.
func exifOrientation(block []byte) int {
	// WebP writers often keep the prefix that belongs to JPEG.
	block = bytes.TrimPrefix(block, []byte("Exif\x00\x00"))
	f, offset, err := newTIFFFile(block)
	if err != nil {
		return 0
	}
	fields, _, err := f.directory(offset)
	if err != nil {
		return 0
	}
	return int(f.first(fields, tagOrientation, 0))
}

// turn returns the pixels as EXIF orientation 2..8 wants them shown.
func turn(src image.Image, orientation int) image.Image {
	w, h := src.Bounds().Dx(), src.Bounds().Dy()
	size := image.Rect(0, 0, w, h)
	if orientation >= 5 {
		size = image.Rect(0, 0, h, w)
	}
	flat := blank(src, image.Rect(0, 0, w, h))
	paste(flat, src, image.Point{})
	dst := blank(src, size)
	// step is the size of one pixel in bytes; both pictures have one layout.
	from, fromStride, step := pixelsOf(flat)
	to, toStride, _ := pixelsOf(dst)
	for y := range h {
		row := from[y*fromStride:]
		for x := range w {
			tx, ty := turned(x, y, w, h, orientation)
			copy(to[ty*toStride+tx*step:][:step], row[x*step:][:step])
		}
	}
	return dst
}

// turned maps a stored pixel to its upright place.
func turned(x, y, w, h, orientation int) (tx, ty int) {
	switch orientation {
	case 2:
		return w - 1 - x, y
	case 3:
		return w - 1 - x, h - 1 - y
	case 4:
		return x, h - 1 - y
	case 5:
		return y, x
	case 6:
		return h - 1 - y, x
	case 7:
		return h - 1 - y, w - 1 - x
	case 8:
		return y, w - 1 - x
	}
	return x, y
}
