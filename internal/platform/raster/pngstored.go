package raster

import (
	"encoding/binary"
	"hash/crc32"
	"image"
)

const (
	pngSignature = "\x89PNG\r\n\x1a\n"
	// pngFrame is what a chunk has besides its body: length, kind, checksum.
	pngFrame = 12
	// largestStored is how much a stored deflate block holds (RFC 1951,
	// section 3.2.4), and storedHead what stands before it.
	largestStored = 1<<16 - 1
	storedHead    = 5
)

// storedPNG returns pixels as a PNG file without filters and compression, or
// nil where they are not of 8 bits a sample and plain: image/png asks for two
// thirds of a megabyte to compress with even where it does not compress, which
// was most of what a crop cost. As there, opaque pixels are written without
// alpha.
func storedPNG(pixels image.Image) []byte {
	const gray, rgb, rgba = 0, 2, 6
	var color byte
	switch p := pixels.(type) {
	case *image.Gray:
		color = gray
	case *image.RGBA:
		if !p.Opaque() {
			return nil
		}
		color = rgb
	case *image.NRGBA:
		color = rgba
		if p.Opaque() {
			color = rgb
		}
	default:
		return nil
	}
	size := pixels.Bounds().Size()
	row := 1 + size.X*int(pngChannels(color)) // with its filter
	together := largestStored / row           // rows in a block
	if together == 0 {
		return nil
	}
	blocks := (size.Y + together - 1) / together
	body := 2 + blocks*storedHead + size.Y*row + 4
	file := make([]byte, 0, len(pngSignature)+pngFrame+13+pngFrame+body+pngFrame)

	file = append(file, pngSignature...)
	at := len(file)
	file = append(file, "\x00\x00\x00\x0dIHDR"...)
	file = binary.BigEndian.AppendUint32(file, uint32(size.X))
	file = binary.BigEndian.AppendUint32(file, uint32(size.Y))
	file = append(file, 8, color, 0, 0, 0) // bits, colour; deflate, five filters, one pass
	file = binary.BigEndian.AppendUint32(file, crc32.ChecksumIEEE(file[at+4:]))
	at = len(file)
	file = binary.BigEndian.AppendUint32(file, uint32(body))
	file = append(file, "IDAT"...)
	file = appendStored(file, pixels, row, together)
	file = binary.BigEndian.AppendUint32(file, crc32.ChecksumIEEE(file[at+4:]))
	return append(file, "\x00\x00\x00\x00IEND\xae\x42\x60\x82"...)
}

// appendStored appends the rows as a zlib stream (RFC 1950) of stored blocks
// of several rows each. A row is a filter, here 0 for none (PNG, third edition,
// section 9.2), and its samples.
func appendStored(file []byte, pixels image.Image, row, together int) []byte {
	pix, stride, step := pixelsOf(pixels)
	size := pixels.Bounds().Size()
	file = append(file, 0x78, 0x01)
	sum := uint32(1)
	for y := 0; y < size.Y; y += together {
		rows, last := together, byte(0)
		if y+rows >= size.Y {
			rows, last = size.Y-y, 1
		}
		file = append(file, last)
		file = binary.LittleEndian.AppendUint16(file, uint16(rows*row))
		file = binary.LittleEndian.AppendUint16(file, ^uint16(rows*row))
		begin := len(file)
		for i := range rows {
			samples := pix[(y+i)*stride:][:size.X*step]
			file = append(file, 0)
			if len(samples) == row-1 {
				file = append(file, samples...)
			} else {
				file = appendOpaque(file, samples)
			}
		}
		sum = adler(sum, file[begin:])
	}
	return binary.BigEndian.AppendUint32(file, sum)
}

// appendOpaque appends the first three samples of every pixel of four.
func appendOpaque(file, samples []byte) []byte {
	at := len(file)
	file = file[:at+len(samples)/4*3]
	// A whole word is written for each pixel but the last: the next one writes
	// over its fourth byte.
	to := file[at:]
	for len(to) >= 4 && len(samples) >= 4 {
		binary.LittleEndian.PutUint32(to, binary.LittleEndian.Uint32(samples))
		to, samples = to[3:], samples[4:]
	}
	copy(to, samples[:len(to)])
	return file
}
