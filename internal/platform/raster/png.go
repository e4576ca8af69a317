package raster

import (
	"compress/zlib"
	"encoding/binary"
	"errors"
	"io"
)

// deflateRatio is the most that one byte of a deflate stream can expand to
// (258 bytes for two bits; zlib documents 1032:1).
const deflateRatio = 1032

var errTruncated = errors.New("the file ends too early")

// walkPNG reads the chunk list (PNG, third edition, section 5). Chunks with
// compressed text or profiles are stepped over, never inflated.
func walkPNG(data []byte, g Gate) (Header, error) {
	const signature, minimum = 8, 8 + 25
	if len(data) < minimum || string(data[12:16]) != "IHDR" || binary.BigEndian.Uint32(data[8:]) != 13 {
		return Header{}, errors.New("the first chunk is not IHDR")
	}
	width, height := int64(binary.BigEndian.Uint32(data[16:])), int64(binary.BigEndian.Uint32(data[20:]))
	if err := g.checkSize(int(width), int(height)); err != nil {
		return Header{}, err
	}
	header := Header{Width: int(width), Height: int(height)}
	depth, color := int64(data[24]), data[25]
	var pixelData int64
	frames, declared, ended := 0, 0, false
	for rest := data[signature:]; len(rest) >= 12 && !ended; {
		length := int64(binary.BigEndian.Uint32(rest))
		if length > int64(len(rest))-12 {
			return Header{}, errTruncated
		}
		body := rest[8 : 8+length]
		switch string(rest[4:8]) {
		case "IDAT":
			pixelData += length
		case "acTL": // APNG: the number of frames comes first
			if len(body) >= 4 {
				declared = int(binary.BigEndian.Uint32(body))
			}
		case "fcTL":
			frames++
		case "eXIf":
			header.Orientation = exifOrientation(body)
		case "IEND":
			ended = true
		}
		if err := g.checkFrames(max(frames, declared)); err != nil {
			return Header{}, err
		}
		rest = rest[12+length:]
	}
	if !ended {
		return Header{}, errTruncated
	}
	header.Frames = max(frames, declared)
	if pixelData*deflateRatio < width*height*depth*pngChannels(color)/8 {
		return Header{}, errTruncated
	}
	return header, nil
}

// pngChannels returns the samples per pixel of a PNG colour type.
func pngChannels(color byte) int64 {
	switch color {
	case 2:
		return 3
	case 4:
		return 2
	case 6:
		return 4
	}
	return 1
}

// provePNG unpacks the pixel data into nothing and refuses a stream that is
// damaged or too short, so that the decoder does not reserve the picture first.
func provePNG(data []byte) error {
	stream, err := zlib.NewReader(&idatReader{rest: data[8:]})
	if err != nil {
		return err
	}
	width, height := int64(binary.BigEndian.Uint32(data[16:])), int64(binary.BigEndian.Uint32(data[20:]))
	need := (width*int64(data[24])*pngChannels(data[25]) + 7) / 8 * height
	n, err := io.Copy(io.Discard, io.LimitReader(stream, need))
	if err == nil && n < need {
		err = errTruncated
	}
	return errors.Join(err, stream.Close())
}

// idatReader reads the bodies of the IDAT chunks of a walked file.
type idatReader struct{ body, rest []byte }

func (r *idatReader) Read(p []byte) (int, error) {
	for len(r.body) == 0 {
		if len(r.rest) < 12 {
			return 0, io.EOF
		}
		end := 8 + int(binary.BigEndian.Uint32(r.rest))
		if string(r.rest[4:8]) == "IDAT" {
			r.body = r.rest[8:end]
		}
		r.rest = r.rest[end+4:]
	}
	n := copy(p, r.body)
	r.body = r.body[n:]
	return n, nil
}
