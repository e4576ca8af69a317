package raster

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/png"
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
	if len(data) < 33 || data[24] != depth8 || data[25] != 0 && data[25] != 2 && data[25] != 6 || string(data[26:29]) != methods {
		return nil, errUnusual
	}
	packed, err := checkPlainChunks(data[8:])
	if err != nil {
		return nil, err
	}
	size := image.Rect(0, 0, int(binary.BigEndian.Uint32(data[16:])), int(binary.BigEndian.Uint32(data[20:])))
	width, height := size.Dx(), size.Dy()
	channels := int(pngChannels(data[25]))
	count, stride := channels*width, channels*width // of a row in the file and in memory
	if channels == 3 {
		stride = 4 * width
	}
	rows := rowPlacer{
		memory: make([]byte, max(height*stride, height*(1+count))+1), above: make([]byte, stride),
		height: height, stride: stride, count: count, step: channels,
	}
	if err := unpackRows(&rows, pixelStream(data[8:], packed)); err != nil {
		return nil, err
	}
	pix := rows.memory[: height*stride : height*stride]
	switch channels {
	case 1:
		return &image.Gray{Pix: pix, Stride: stride, Rect: size}, nil
	case 3:
		return &image.RGBA{Pix: pix, Stride: stride, Rect: size}, nil
	}
	return &image.NRGBA{Pix: pix, Stride: stride, Rect: size}, nil
}

// unpackRows unpacks a stream and places its rows behind it on another
// goroutine: a third of the work does not wait for the rest then.
func unpackRows(rows *rowPlacer, stream []byte) error {
	const ahead = 8 // blocks, so that neither waits for the other's turn
	unpacked, placed := make(chan int, ahead), make(chan error, 1)
	go func() {
		var err error
		for made := range unpacked {
			if err == nil {
				err = rows.place(made)
			}
		}
		placed <- err
	}()
	err := inflate(rows.packed(), stream, func(made int) { unpacked <- made })
	close(unpacked)
	return errors.Join(err, <-placed)
}

// pixelStream returns the bodies of the IDAT chunks of a checked file, size
// bytes in all, in one piece: the file's own bytes if one chunk has them all.
func pixelStream(rest []byte, size int) []byte {
	var stream []byte
	for len(stream) < size {
		end := 8 + int(binary.BigEndian.Uint32(rest))
		if string(rest[4:8]) == "IDAT" {
			if end-8 == size {
				return rest[8:end]
			}
			if stream == nil {
				stream = make([]byte, 0, size)
			}
			stream = append(stream, rest[8:end]...)
		}
		rest = rest[end+4:]
	}
	return stream
}

// checkPlainChunks accepts IHDR, one run of IDAT, IEND and text or metadata
// that does not change pixels, each with its right checksum. It returns how
// many bytes the IDAT chunks hold.
func checkPlainChunks(rest []byte) (packed int, err error) {
	before := ""
	run := false // of IDAT, seen and over
	for len(rest) >= 12 {
		length := int64(binary.BigEndian.Uint32(rest))
		if length > int64(len(rest))-12 {
			return 0, errTruncated
		}
		kind := string(rest[4:8])
		if crc32.ChecksumIEEE(rest[4:8+length]) != binary.BigEndian.Uint32(rest[8+length:]) {
			return 0, errUnusual
		}
		switch kind {
		case "IHDR":
			if before != "" {
				return 0, errUnusual
			}
		case "IDAT":
			if run && before != "IDAT" {
				return 0, errUnusual
			}
			run = true
			packed += int(length)
		case "IEND":
			if !run || length != 0 {
				return 0, errUnusual
			}
			return packed, nil
		case "tEXt", "zTXt", "iTXt", "tIME", "pHYs", "gAMA", "cHRM", "sRGB", "iCCP", "eXIf":
		default:
			return 0, errUnusual
		}
		before, rest = kind, rest[12+length:]
	}
	return 0, errTruncated
}
