package raster

import (
	"bytes"
	"encoding/binary"
	"errors"

	"granary/internal/platform/fault"
)

const (
	// maxScans bounds the passes over a progressive file. Encoders write about
	// ten; each one costs the decoder a walk over every block.
	maxScans = 64
	// jpegRatio is how many pixels one byte of a scan can describe at most: one
	// bit for each block of 8×8.
	jpegRatio = 8 * 64
)

// walkJPEG reads the marker segments (ITU-T T.81, annex B) to the end of the
// picture, so that the scans are counted before any of them is decoded.
func walkJPEG(data []byte, g Gate) (Header, error) {
	var header Header
	scans, scanBytes := 0, 0
	for at := 2; ; {
		marker, next := jpegMarker(data, at)
		if next < 0 {
			break
		}
		at = next
		if marker == 0xd9 { // end of image; what follows is not ours
			break
		}
		if marker == 0x01 || marker >= 0xd0 && marker <= 0xd8 { // no length follows
			continue
		}
		if at+2 > len(data) {
			return Header{}, errTruncated
		}
		length := int(binary.BigEndian.Uint16(data[at:]))
		if length < 2 || at+length > len(data) {
			return Header{}, errTruncated
		}
		body := data[at+2 : at+length]
		at += length
		switch {
		case isFrameHeader(marker):
			if header.Width != 0 {
				return Header{}, errors.New("it has two frame headers")
			}
			if len(body) < 6 {
				return Header{}, errTruncated
			}
			header.Height = int(binary.BigEndian.Uint16(body[1:]))
			header.Width = int(binary.BigEndian.Uint16(body[3:]))
			if err := g.checkSize(header.Width, header.Height); err != nil {
				return Header{}, err
			}
			need := jpegBytesPerPixel(body, marker) * float64(header.Width) * float64(header.Height)
			if need > float64(g.MaxPixels)*maxBytesPerPixel {
				return Header{}, fault.New(fault.TooLarge, "the picture is %dx%d, too large for a progressive one", header.Width, header.Height)
			}
		case marker == 0xe1 && bytes.HasPrefix(body, []byte("Exif\x00\x00")):
			if header.Orientation == 0 {
				header.Orientation = exifOrientation(body[6:])
			}
		case marker == 0xda:
			if scans++; scans > maxScans {
				return Header{}, fault.New(fault.TooLarge, "the picture has more than %d scans", maxScans)
			}
			end := scanEnd(data, at)
			scanBytes += end - at
			at = end
		}
	}
	if header.Width == 0 || scans == 0 {
		return Header{}, errTruncated
	}
	if scanBytes < header.Width/jpegRatio*header.Height {
		return Header{}, errTruncated
	}
	return header, nil
}

// jpegMarker finds the marker at or after at and the offset behind it, or -1
// at the end of the file. Bytes before a marker are stepped over as decoders do.
func jpegMarker(data []byte, at int) (marker byte, next int) {
	for at+1 < len(data) {
		skip := bytes.IndexByte(data[at:len(data)-1], 0xff)
		if skip < 0 {
			return 0, -1
		}
		at += skip + 1
		if m := data[at]; m != 0x00 && m != 0xff {
			return m, at + 1
		}
	}
	return 0, -1
}

// scanEnd returns where the entropy-coded data that starts at at ends: at the
// first marker that is neither a stuffed zero nor a restart.
func scanEnd(data []byte, at int) int {
	for at+1 < len(data) {
		skip := bytes.IndexByte(data[at:len(data)-1], 0xff)
		if skip < 0 {
			break
		}
		at += skip
		if m := data[at+1]; m != 0x00 && m != 0xff && (m < 0xd0 || m > 0xd7) {
			return at
		}
		at++
	}
	return len(data)
}

// isFrameHeader reports whether a marker is SOF0..SOF15; DHT, JPG and DAC lie
// in the same range.
func isFrameHeader(marker byte) bool {
	return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc
}

// jpegFrame returns the body of the frame header and its marker.
func jpegFrame(data []byte) (body []byte, marker byte) {
	for at := 2; ; {
		marker, at = jpegMarker(data, at)
		if at < 0 || at+2 > len(data) {
			return nil, 0
		}
		if marker == 0x01 || marker >= 0xd0 && marker <= 0xd8 {
			continue
		}
		end := at + int(binary.BigEndian.Uint16(data[at:]))
		if end < at+2 || end > len(data) {
			return nil, 0
		}
		if isFrameHeader(marker) {
			return data[at+2 : end], marker
		}
		at = end
	}
}

// jpegBytesPerPixel returns what the decoder holds for one pixel: a byte for
// each sample, and for a progressive file four more for its coefficient.
func jpegBytesPerPixel(frame []byte, marker byte) float64 {
	const component = 6 // the first one's offset; each has three bytes
	samples, most := 0, 1
	for at := component; at+3 <= len(frame); at += 3 {
		n := int(frame[at+1]>>4) * int(frame[at+1]&15)
		samples += n
		most = max(most, n)
	}
	perSample := 1.0
	if marker == 0xc2 {
		perSample += 4
	}
	return perSample * float64(samples) / float64(most)
}
