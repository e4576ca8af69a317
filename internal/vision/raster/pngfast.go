package raster

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/png"
	"io"

	"github.com/klauspost/compress/zlib"
)

// errUnusual sends a PNG to the standard decoder, which also words what is
// wrong with it.
var errUnusual = errors.New("not a plain png")

// decodePNG decodes what image/png would, to the same pixels. Plain pictures
// as cameras and screens make them (8 bits a sample, in one pass, without
// palette or colour key) take a shorter way, since decoding is half of what a
// classification by remote models costs here; all others, and all that are
// damaged, are the standard decoder's.
func decodePNG(data []byte) (image.Image, error) {
	pixels, err := decodePlainPNG(data)
	if err != nil {
		return png.Decode(bytes.NewReader(data))
	}
	return pixels, nil
}

// decodePlainPNG decodes a walked file or returns any error to give up.
func decodePlainPNG(data []byte) (image.Image, error) {
	const depth8, methods = 8, "\x00\x00\x00" // deflate, five filters, one pass
	if len(data) < 33 || data[24] != depth8 || string(data[26:29]) != methods {
		return nil, errUnusual
	}
	if err := checkPlainChunks(data[8:]); err != nil {
		return nil, err
	}
	size := image.Rect(0, 0, int(binary.BigEndian.Uint32(data[16:])), int(binary.BigEndian.Uint32(data[20:])))
	stream, err := zlib.NewReader(bufio.NewReaderSize(&idatReader{rest: data[8:]}, 32<<10))
	if err != nil {
		return nil, err
	}
	defer stream.Close() // the read to its end has checked it
	var pixels image.Image
	switch data[25] {
	case 0:
		gray := image.NewGray(size)
		pixels, err = gray, readRows(stream, size, 1, gray.Pix, gray.Stride, func(dst, row []byte) { copy(dst, row) })
	case 2:
		opaque := image.NewRGBA(size)
		pixels, err = opaque, readRows(stream, size, 3, opaque.Pix, opaque.Stride, expandRGB)
	case 6:
		nrgba := image.NewNRGBA(size)
		pixels, err = nrgba, readRows(stream, size, 4, nrgba.Pix, nrgba.Stride, func(dst, row []byte) { copy(dst, row) })
	default:
		return nil, errUnusual
	}
	return pixels, err
}

// checkPlainChunks accepts IHDR, one run of IDAT, IEND and text or metadata
// that does not change pixels, each with its right checksum.
func checkPlainChunks(rest []byte) error {
	before := ""
	run := false // of IDAT, seen and over
	for len(rest) >= 12 {
		length := int64(binary.BigEndian.Uint32(rest))
		if length > int64(len(rest))-12 {
			return errTruncated
		}
		kind := string(rest[4:8])
		if crc32.ChecksumIEEE(rest[4:8+length]) != binary.BigEndian.Uint32(rest[8+length:]) {
			return errUnusual
		}
		switch kind {
		case "IHDR":
			if before != "" {
				return errUnusual
			}
		case "IDAT":
			if run && before != "IDAT" {
				return errUnusual
			}
			run = true
		case "IEND":
			if !run || length != 0 {
				return errUnusual
			}
			return nil
		case "tEXt", "zTXt", "iTXt", "tIME", "pHYs", "gAMA", "cHRM", "sRGB", "iCCP", "eXIf":
		default:
			return errUnusual
		}
		before, rest = kind, rest[12+length:]
	}
	return errTruncated
}

// readRows reads, unfilters and places every row. The stream must end after
// the last one, with its checksum right.
func readRows(stream io.Reader, size image.Rectangle, step int, pix []byte, stride int, place func(dst, row []byte)) error {
	above, row := make([]byte, 1+step*size.Dx()), make([]byte, 1+step*size.Dx())
	for y := range size.Dy() {
		if _, err := io.ReadFull(stream, row); err != nil {
			return err
		}
		if err := unfilter(row[0], row[1:], above[1:], step); err != nil {
			return err
		}
		place(pix[y*stride:(y+1)*stride], row[1:])
		above, row = row, above
	}
	if n, err := stream.Read(row[:1]); n != 0 || !errors.Is(err, io.EOF) {
		return errUnusual
	}
	return nil
}

func expandRGB(dst, row []byte) {
	for i, j := 0, 0; i+3 <= len(row) && j+4 <= len(dst); i, j = i+3, j+4 {
		d, s := dst[j:j+4:j+4], row[i:i+3:i+3]
		d[0], d[1], d[2], d[3] = s[0], s[1], s[2], 0xff
	}
}

// unfilter undoes a row's filter (PNG, third edition, section 9.2). above is
// the row before, unfiltered; step is the bytes of a pixel.
func unfilter(filter byte, row, above []byte, step int) error {
	above = above[:len(row)]
	switch filter {
	case 0:
	case 1:
		for i := step; i < len(row); i++ {
			row[i] += row[i-step]
		}
	case 2:
		for i, a := range above {
			row[i] += a
		}
	case 3:
		for i := range step {
			row[i] += above[i] / 2
		}
		for i := step; i < len(row); i++ {
			row[i] += byte((int(row[i-step]) + int(above[i])) / 2)
		}
	case 4:
		for channel := range step { // left and corner stay in registers
			left, corner := 0, 0
			for i := channel; i < len(row); i += step {
				up := int(above[i])
				left = int(row[i] + paeth(left, up, corner))
				left &= 0xff
				row[i] = byte(left)
				corner = up
			}
		}
	default:
		return errUnusual
	}
	return nil
}

// paeth predicts a sample from its neighbours (section 9.4).
func paeth(left, up, corner int) byte {
	toLeft, toUp := up-corner, left-corner
	toCorner := toLeft + toUp
	toLeft, toUp, toCorner = max(toLeft, -toLeft), max(toUp, -toUp), max(toCorner, -toCorner)
	switch {
	case toLeft <= toUp && toLeft <= toCorner:
		return byte(left)
	case toUp <= toCorner:
		return byte(up)
	}
	return byte(corner)
}
