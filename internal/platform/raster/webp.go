package raster

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"

	"golang.org/x/image/webp"
)

// webpFile is what the chunks of a RIFF container say (RFC 9649).
type webpFile struct {
	canvas, frame image.Point
	orientation   int
	// frames are the animation's; first is the body of the first one.
	frames int
	first  []byte
}

// readWebP steps over the chunks.
func readWebP(data []byte) (webpFile, error) {
	var f webpFile
	end := min(int64(len(data)), int64(binary.LittleEndian.Uint32(data[4:]))+8)
	for at := int64(12); at+8 <= end; {
		kind, length := string(data[at:at+4]), int64(binary.LittleEndian.Uint32(data[at+4:]))
		if at+8+length > end {
			return webpFile{}, errTruncated
		}
		body := data[at+8 : at+8+length]
		at += 8 + length + length&1
		minimum := map[string]int{"VP8X": 10, "VP8 ": 10, "VP8L": 5, "ANMF": 16}[kind]
		if len(body) < minimum {
			return webpFile{}, errTruncated
		}
		switch kind {
		case "VP8X":
			f.canvas = image.Pt(1+little24(body[4:]), 1+little24(body[7:]))
		case "ANMF":
			if f.frames++; f.frames == 1 {
				f.first = body
			}
		case "VP8 ":
			f.frame.X = int(binary.LittleEndian.Uint16(body[6:])) & 0x3fff
			f.frame.Y = int(binary.LittleEndian.Uint16(body[8:])) & 0x3fff
		case "VP8L":
			bits := binary.LittleEndian.Uint32(body[1:])
			f.frame = image.Pt(int(bits&0x3fff)+1, int(bits>>14&0x3fff)+1)
		case "EXIF":
			f.orientation = exifOrientation(body)
		}
	}
	return f, nil
}

// walkWebP checks the sizes of the canvas and of the frame inside, which must
// agree: a decoder believes each in turn. Of an animation, the first frame is
// checked as the still picture that it will be decoded as.
func walkWebP(data []byte, g Gate) (Header, error) {
	f, err := readWebP(data)
	if err != nil {
		return Header{}, err
	}
	if f.frames > 0 {
		if err := g.checkFrames(f.frames); err != nil {
			return Header{}, err
		}
		if err := g.checkSize(f.canvas.X, f.canvas.Y); err != nil {
			return Header{}, err
		}
		still, area := webpStill(f.first)
		if !area.In(image.Rectangle{Max: f.canvas}) {
			return Header{}, errors.New("its first frame lies outside the canvas")
		}
		inner, err := readWebP(still)
		if err != nil {
			return Header{}, err
		}
		if inner.frames > 0 || inner.frame != area.Size() {
			return Header{}, errors.New("its first frame contradicts itself")
		}
		return Header{Width: f.canvas.X, Height: f.canvas.Y, Frames: f.frames, Orientation: f.orientation}, nil
	}
	if err := g.checkSize(f.frame.X, f.frame.Y); err != nil {
		return Header{}, err
	}
	if f.canvas != (image.Point{}) && f.canvas != f.frame {
		return Header{}, errors.New("the canvas and the frame differ in size")
	}
	return Header{Width: f.frame.X, Height: f.frame.Y, Orientation: f.orientation}, nil
}

// webpStill returns a frame of an animation, the body of an ANMF chunk, as a
// file of its own, which is what the decoder can read, and its place on the
// canvas.
func webpStill(body []byte) ([]byte, image.Rectangle) {
	at := image.Pt(2*little24(body), 2*little24(body[3:]))
	size := image.Pt(1+little24(body[6:]), 1+little24(body[9:]))
	extended := make([]byte, 10)
	if bytes.HasPrefix(body[16:], []byte("ALPH")) {
		extended[0] = 1 << 4
	}
	copy(extended[4:7], body[6:9])
	copy(extended[7:10], body[9:12])
	out := append([]byte("RIFF\x00\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00"), extended...)
	out = append(out, body[16:]...)
	binary.LittleEndian.PutUint32(out[4:], uint32(len(out)-8))
	return out, image.Rectangle{Min: at, Max: at.Add(size)}
}

// decodeWebP decodes the picture, or the first frame on an empty canvas.
func decodeWebP(data []byte, header Header) (image.Image, error) {
	f, err := readWebP(data)
	if err != nil {
		return nil, err
	}
	if f.frames == 0 {
		pixels, err := webp.Decode(bytes.NewReader(data))
		return studioRange(pixels), err
	}
	still, area := webpStill(f.first)
	frame, err := webp.Decode(bytes.NewReader(still))
	if err != nil {
		return nil, err
	}
	frame = studioRange(frame)
	canvas := image.NewNRGBA(image.Rect(0, 0, header.Width, header.Height))
	paste(canvas, frame, area.Min)
	return canvas, nil
}

// studioRange turns the samples of a lossy frame into RGB. They are in the
// narrow range of BT.601, 16..235 (RFC 6386, section 9.2); the decoder hands
// them out as the full-range kind of JPEG, which would look washed out.
func studioRange(pixels image.Image) image.Image {
	var src *image.YCbCr
	var alpha *image.NYCbCrA
	switch p := pixels.(type) {
	case *image.YCbCr:
		src = p
	case *image.NYCbCrA:
		src, alpha = &p.YCbCr, p
	default:
		return pixels
	}
	b := src.Rect
	dst := image.NewNRGBA(b)
	for y := b.Min.Y; y < b.Max.Y; y++ {
		out := dst.Pix[dst.PixOffset(b.Min.X, y):]
		for x := b.Min.X; x < b.Max.X; x++ {
			c := src.COffset(x, y)
			luma := 76309 * (int32(src.Y[src.YOffset(x, y)]) - 16) // 16-bit fixed point
			cb, cr := int32(src.Cb[c])-128, int32(src.Cr[c])-128
			out[0] = narrow(luma + 104597*cr)
			out[1] = narrow(luma - 25675*cb - 53279*cr)
			out[2] = narrow(luma + 132201*cb)
			out[3] = 0xff
			if alpha != nil {
				out[3] = alpha.A[alpha.AOffset(x, y)]
			}
			out = out[4:]
		}
	}
	return dst
}

// narrow rounds a 16-bit fixed-point value into a byte.
func narrow(v int32) byte { return byte(min(max((v+1<<15)>>16, 0), 255)) }

func little24(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }
