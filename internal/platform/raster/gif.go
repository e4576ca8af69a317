package raster

import (
	"encoding/binary"
	"errors"
	"image"
)

// gifRatio is more pixels than one byte of LZW data can describe: a 12-bit
// code stands for at most 4096 of them.
const gifRatio = 4096

// walkGIF counts the frames by stepping over their data (GIF89a, section 17 ff.).
func walkGIF(data []byte, g Gate) (Header, error) {
	if len(data) < 13 {
		return Header{}, errTruncated
	}
	header := Header{
		Width:  int(binary.LittleEndian.Uint16(data[6:])),
		Height: int(binary.LittleEndian.Uint16(data[8:])),
	}
	if err := g.checkSize(header.Width, header.Height); err != nil {
		return Header{}, err
	}
	at := 13 + gifTable(data[10])
	for {
		if at >= len(data) {
			return Header{}, errTruncated
		}
		kind := data[at]
		at++
		switch kind {
		case 0x3b: // trailer
			if header.Frames == 0 {
				return Header{}, errors.New("it has no frame")
			}
			return header, nil
		case 0x21: // extension: a label, then blocks
			_, next := gifBlocks(data, at+1)
			if next < 0 {
				return Header{}, errTruncated
			}
			at = next
		case 0x2c: // image: position, size, table, code size, blocks
			if at+9 > len(data) {
				return Header{}, errTruncated
			}
			header.Frames++
			if err := g.checkFrames(header.Frames); err != nil {
				return Header{}, err
			}
			w, h := int(binary.LittleEndian.Uint16(data[at+4:])), int(binary.LittleEndian.Uint16(data[at+6:]))
			size, next := gifBlocks(data, at+9+gifTable(data[at+8])+1)
			if next < 0 || size*gifRatio < w*h {
				return Header{}, errTruncated
			}
			at = next
		default:
			return Header{}, errors.New("it has an unknown block")
		}
	}
}

// gifTable returns the length of the colour table that flags announce.
func gifTable(flags byte) int {
	if flags&0x80 == 0 {
		return 0
	}
	return 3 << (flags&7 + 1)
}

// gifBlocks steps over data sub-blocks and returns their total length and the
// offset behind them, or -1 when the file ends first.
func gifBlocks(data []byte, at int) (size, next int) {
	for at < len(data) {
		n := int(data[at])
		at += 1 + n
		if n == 0 {
			return size, at
		}
		size += n
	}
	return size, -1
}

// onScreen places a first frame that is smaller than the logical screen where
// it belongs; viewers and clients measure the screen, not the frame.
func onScreen(frame image.Image, header Header) image.Image {
	screen := image.Rect(0, 0, header.Width, header.Height)
	if frame.Bounds() == screen {
		return frame
	}
	canvas := blank(frame, screen)
	paste(canvas, frame, frame.Bounds().Min)
	return canvas
}
