package raster

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"testing"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
)

// gradient is a picture in which every pixel differs from its neighbours.
func gradient(w, h int) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			img.SetNRGBA(x, y, color.NRGBA{uint8(x * 255 / w), uint8(y * 255 / h), uint8((x + y) % 256), 255})
		}
	}
	return img
}

func sample(t testing.TB, format Format, img image.Image) []byte {
	t.Helper()
	var out bytes.Buffer
	var err error
	switch format {
	case JPEG:
		err = jpeg.Encode(&out, img, &jpeg.Options{Quality: 95})
	case PNG:
		err = png.Encode(&out, img)
	case GIF:
		err = gif.Encode(&out, img, nil)
	case BMP:
		err = bmp.Encode(&out, img)
	case TIFF:
		err = tiff.Encode(&out, img, &tiff.Options{Compression: tiff.Deflate})
	case WebP:
		return solidWebP(img.Bounds().Dx(), img.Bounds().Dy(), 200, 100, 50)
	}
	if err != nil {
		t.Fatalf("encode %s: %v", format, err)
	}
	return out.Bytes()
}

func fileOf(t testing.TB, p *Picture) []byte {
	t.Helper()
	data, err := p.File()
	if err != nil {
		t.Fatalf("File() = %v, want bytes", err)
	}
	return data
}

// solidWebP writes a lossless WebP of one colour: five prefix codes of a single
// symbol each, so that the pixels themselves take no bits (RFC 9649, section 3.7).
func solidWebP(w, h int, r, g, b byte) []byte {
	var bits []byte
	at := 0
	put := func(v uint32, n int) {
		for i := range n {
			if at%8 == 0 {
				bits = append(bits, 0)
			}
			bits[at/8] |= byte(v>>i&1) << (at % 8)
			at++
		}
	}
	put(0x2f, 8)
	put(uint32(w-1), 14)
	put(uint32(h-1), 14)
	put(0, 1+3) // no alpha, version 0
	put(0, 3)   // no transform, no colour cache, one group of codes
	for _, symbol := range []byte{g, r, b, 255, 0} {
		put(0b101, 3) // simple code, one symbol, of eight bits
		put(uint32(symbol), 8)
	}
	return riff(chunk("VP8L", bits))
}

// animatedWebP has a canvas of 20×10 and two frames of 4×3; the first lies at
// twice x and y.
func animatedWebP(x, y byte) []byte {
	frame := func(x, y byte) []byte {
		head := []byte{x, 0, 0, y, 0, 0, 4 - 1, 0, 0, 3 - 1, 0, 0, 0, 0, 0, 0}
		return chunk("ANMF", append(head, solidWebP(4, 3, 200, 100, 50)[12:]...))
	}
	canvas := chunk("VP8X", []byte{2, 0, 0, 0, 20 - 1, 0, 0, 10 - 1, 0, 0})
	return riff(canvas, chunk("ANIM", make([]byte, 6)), frame(x, y), frame(0, 0))
}

func chunk(kind string, body []byte) []byte {
	out := binary.LittleEndian.AppendUint32([]byte(kind), uint32(len(body)))
	out = append(out, body...)
	if len(body)%2 == 1 {
		out = append(out, 0)
	}
	return out
}

func riff(chunks ...[]byte) []byte {
	body := append([]byte("WEBP"), bytes.Join(chunks, nil)...)
	return append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(body))), body...)
}

// pngChunk is one PNG chunk with its checksum.
func pngChunk(kind string, body []byte) []byte {
	out := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	out = append(append(out, kind...), body...)
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out[4:]))
}

// insertAfterIHDR puts a chunk behind the first one.
func insertAfterIHDR(file, extra []byte) []byte {
	return bytes.Join([][]byte{file[:33], extra, file[33:]}, nil)
}

// exifBlock is a big-endian EXIF block that holds only an orientation.
func exifBlock(orientation uint16) []byte {
	return []byte{'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, byte(orientation), 0, 0, 0, 0, 0, 0}
}

// withExif puts an EXIF block into a JPEG, right behind its start.
func withExif(file, block []byte) []byte {
	body := append([]byte("Exif\x00\x00"), block...)
	segment := binary.BigEndian.AppendUint16([]byte{0xff, 0xe1}, uint16(len(body)+2))
	return bytes.Join([][]byte{file[:2], segment, body, file[2:]}, nil)
}

// tiffOf writes a little-endian TIFF directory of LONG values; the last entry
// may be followed by data at the offset that tail returns.
func tiffOf(entries [][2]uint32, next uint32, data []byte) []byte {
	out := []byte{'I', 'I', 42, 0, 8, 0, 0, 0}
	out = binary.LittleEndian.AppendUint16(out, uint16(len(entries)))
	for _, e := range entries {
		out = binary.LittleEndian.AppendUint16(out, uint16(e[0]))
		out = binary.LittleEndian.AppendUint16(out, 4)
		out = binary.LittleEndian.AppendUint32(out, 1)
		out = binary.LittleEndian.AppendUint32(out, e[1])
	}
	out = binary.LittleEndian.AppendUint32(out, next)
	return append(out, data...)
}
