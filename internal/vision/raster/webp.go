package raster

import (
	"encoding/binary"
	"errors"
)

// walkWebP reads the chunks of the RIFF container (RFC 9649). The sizes of the
// canvas and of the frame inside must agree: a decoder believes each in turn.
func walkWebP(data []byte, g Gate) (Header, error) {
	var header Header
	var canvas [2]int
	end := min(int64(len(data)), int64(binary.LittleEndian.Uint32(data[4:]))+8)
	for at := int64(12); at+8 <= end; {
		kind, length := string(data[at:at+4]), int64(binary.LittleEndian.Uint32(data[at+4:]))
		if at+8+length > end {
			return Header{}, errTruncated
		}
		body := data[at+8 : at+8+length]
		at += 8 + length + length&1
		switch kind {
		case "VP8X":
			if len(body) < 10 {
				return Header{}, errTruncated
			}
			canvas = [2]int{1 + little24(body[4:]), 1 + little24(body[7:])}
			if err := g.checkSize(canvas[0], canvas[1]); err != nil {
				return Header{}, err
			}
		case "ANMF":
			header.Frames++
			if err := g.checkFrames(header.Frames); err != nil {
				return Header{}, err
			}
		case "VP8 ":
			if len(body) < 10 {
				return Header{}, errTruncated
			}
			header.Width = int(binary.LittleEndian.Uint16(body[6:])) & 0x3fff
			header.Height = int(binary.LittleEndian.Uint16(body[8:])) & 0x3fff
		case "VP8L":
			if len(body) < 5 {
				return Header{}, errTruncated
			}
			bits := binary.LittleEndian.Uint32(body[1:])
			header.Width, header.Height = int(bits&0x3fff)+1, int(bits>>14&0x3fff)+1
		case "EXIF":
			header.Orientation = exifOrientation(body)
		}
	}
	if header.Frames > 0 {
		return Header{}, errors.New("animations are not supported")
	}
	if err := g.checkSize(header.Width, header.Height); err != nil {
		return Header{}, err
	}
	if canvas != [2]int{} && canvas != [2]int{header.Width, header.Height} {
		return Header{}, errors.New("the canvas and the frame differ in size")
	}
	return header, nil
}

func little24(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }
