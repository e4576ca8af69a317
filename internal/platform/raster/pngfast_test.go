package raster

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// drawing returns smooth ground, edges and noise, which make an encoder use
// every filter.
func drawing(kind string, width, height int) image.Image {
	size := image.Rect(0, 0, width, height)
	rng := rand.New(rand.NewPCG(1, 2))
	at := func(x, y int) color.NRGBA {
		c := color.NRGBA{R: uint8(x), G: uint8(y), B: uint8(x + y), A: uint8(255 - x%7)}
		switch y % 5 {
		case 4:
			c.R, c.G, c.B = uint8(rng.Uint32()), uint8(rng.Uint32()), uint8(rng.Uint32())
		case 3:
			c.R, c.G, c.B = 200, 10, 30
		}
		return c
	}
	var canvas interface {
		image.Image
		Set(x, y int, c color.Color)
	}
	switch kind {
	case "gray":
		canvas = image.NewGray(size)
	case "nrgba":
		canvas = image.NewNRGBA(size)
	default:
		canvas = image.NewRGBA(size)
	}
	for y := range height {
		for x := range width {
			c := at(x, y)
			if kind == "rgb" {
				c.A = 255
			}
			canvas.Set(x, y, c)
		}
	}
	return canvas
}

func encoded(t testing.TB, pixels image.Image, level png.CompressionLevel) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: level}).Encode(&out, pixels); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestPlainPNGDecodesToTheSamePixels(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"gray", "rgb", "nrgba"} {
		for _, level := range []png.CompressionLevel{png.NoCompression, png.BestSpeed, png.BestCompression} {
			for _, width := range []int{1, 2, 67, 300} {
				data := encoded(t, drawing(kind, width, 90), level)
				want, err := png.Decode(bytes.NewReader(data))
				if err != nil {
					t.Fatal(err)
				}
				got, err := decodePlainPNG(data)
				if err != nil {
					t.Errorf("decodePlainPNG(%s, %d wide, level %d) = %v", kind, width, level, err)
					continue
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("decodePlainPNG(%s, %d wide, level %d): -want +got\n%.500s", kind, width, level, diff)
				}
			}
		}
	}
}

// withChunk puts a chunk before the last one.
func withChunk(file []byte, kind, body string) []byte {
	chunk := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	chunk = append(append(chunk, kind...), body...)
	chunk = binary.BigEndian.AppendUint32(chunk, crc32.ChecksumIEEE(chunk[4:]))
	at := len(file) - 12
	return append(append(bytes.Clone(file[:at]), chunk...), file[at:]...)
}

func TestPlainPNGGivesUpOnAllElse(t *testing.T) {
	t.Parallel()
	file := encoded(t, drawing("rgb", 60, 40), png.BestSpeed)
	broken := bytes.Clone(file)
	broken[len(broken)/2] ^= 1
	tall := bytes.Clone(file)
	binary.BigEndian.PutUint32(tall[20:], 41)
	short := bytes.Clone(file)
	binary.BigEndian.PutUint32(short[20:], 39)
	for _, sized := range [][]byte{tall, short} {
		binary.BigEndian.PutUint32(sized[29:], crc32.ChecksumIEEE(sized[12:29]))
	}
	cases := map[string][]byte{
		"wrong checksum": broken, "too few rows": tall, "too many rows": short,
		"truncated": file[:len(file)-20], "empty": nil,
		"second run of pixels": withChunk(withChunk(file, "tEXt", "a\x00b"), "IDAT", ""),
		"colour key":           withChunk(file, "tRNS", "\x00\x01\x00\x01\x00\x01"),
		"unknown chunk":        withChunk(file, "abCD", ""),
		"palette":              encoded(t, image.NewPaletted(image.Rect(0, 0, 9, 9), color.Palette{color.Black, color.White}), png.BestSpeed),
		"16 bits":              encoded(t, image.NewGray16(image.Rect(0, 0, 9, 9)), png.BestSpeed),
	}
	for name, data := range cases {
		if _, err := decodePlainPNG(data); err == nil {
			t.Errorf("decodePlainPNG(%s) = nil, want it to give up", name)
		}
		want, wantErr := png.Decode(bytes.NewReader(data))
		got, err := decodePNG(data)
		if (err == nil) != (wantErr == nil) {
			t.Errorf("decodePNG(%s) = %v, want %v", name, err, wantErr)
		}
		if diff := cmp.Diff(want, got); wantErr == nil && diff != "" {
			t.Errorf("decodePNG(%s): -want +got\n%.500s", name, diff)
		}
	}
	if _, err := decodePlainPNG(withChunk(file, "tEXt", "Comment\x00seeds")); err != nil {
		t.Errorf("decodePlainPNG(with a comment) = %v", err)
	}
}

// FuzzPlainPNG holds the short way against the standard decoder.
func FuzzPlainPNG(f *testing.F) {
	for _, kind := range []string{"gray", "rgb", "nrgba"} {
		f.Add(encoded(f, drawing(kind, 9, 7), png.BestSpeed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := (Gate{MaxPixels: 1 << 16}).Inspect(data); err != nil || Sniff(data) != PNG {
			return
		}
		got, err := decodePlainPNG(data)
		if err != nil {
			return
		}
		want, err := png.Decode(bytes.NewReader(data))
		if err != nil {
			t.Fatalf("decodePlainPNG took what image/png refuses: %v", err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("-want +got\n%.500s", diff)
		}
	})
}
