package raster

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"image"
	"image/jpeg"
	"runtime"
	"strings"
	"testing"
	"time"

	"granary/internal/platform/fault"
)

// Bounds of a refusal (guarantees: defaults for hostile input).
const (
	refusalBytes = 128 << 20
	refusalTime  = time.Second
)

// deflated returns n zero bytes in zlib form.
func deflated(n int) []byte {
	var out bytes.Buffer
	w := zlib.NewWriter(&out)
	block := make([]byte, 1<<20)
	for ; n > 0; n -= len(block) {
		_, _ = w.Write(block[:min(n, len(block))])
	}
	_ = w.Close()
	return out.Bytes()
}

// pngOf builds a PNG from a header and further chunks.
func pngOf(w, h uint32, depth, colour byte, chunks ...[]byte) []byte {
	ihdr := binary.BigEndian.AppendUint32(nil, w)
	ihdr = binary.BigEndian.AppendUint32(ihdr, h)
	ihdr = append(ihdr, depth, colour, 0, 0, 0)
	parts := append([][]byte{[]byte("\x89PNG\r\n\x1a\n"), pngChunk("IHDR", ihdr)}, chunks...)
	return bytes.Join(append(parts, pngChunk("IEND", nil)), nil)
}

// gray is the directory of a one-strip grey TIFF of w×h whose strip lies behind
// the directory of nine entries.
func grayTIFF(w, h, compression uint32, strip []byte) []byte {
	const offset = 8 + 2 + 9*12 + 4
	return tiffOf([][2]uint32{
		{tagWidth, w},
		{tagHeight, h},
		{tagBitsPerSample, 8},
		{tagCompression, compression},
		{262, 1},
		{tagStripOffsets, offset},
		{tagSamplesPerPixel, 1},
		{tagRowsPerStrip, h},
		{tagStripByteCounts, uint32(len(strip))},
	}, 0, strip)
}

// hostile is the corpus: each file asks for far more than it is worth.
func hostile(t testing.TB) map[string][]byte {
	t.Helper()
	small := sample(t, JPEG, gradient(16, 16))
	huge := func(at int) []byte { // a JPEG that claims 8000×8000 pixels
		out := bytes.Clone(small)
		sof := bytes.Index(out, []byte{0xff, 0xc0})
		binary.BigEndian.PutUint16(out[sof+5:], 8000)
		binary.BigEndian.PutUint16(out[sof+7:], uint16(at))
		return out
	}
	sos := bytes.Index(small, []byte{0xff, 0xda})
	scans := bytes.Clone(small[:len(small)-2])
	for range 5000 {
		scans = append(scans, small[sos:len(small)-2]...)
	}
	bomb := deflated(64 << 20)
	loop := grayTIFF(4, 4, 1, make([]byte, 16))
	binary.LittleEndian.PutUint32(loop[8+2+9*12:], 8)
	garbage := bytes.Repeat([]byte("garbage!"), 1<<16)
	sof2 := bytes.Clone(small)
	sof2[bytes.Index(sof2, []byte{0xff, 0xc0})+1] = 0xc2
	sof2 = append(sof2[:len(sof2)-2], bytes.Repeat([]byte{0x55}, 1<<20)...)
	binary.BigEndian.PutUint16(sof2[bytes.Index(sof2, []byte{0xff, 0xc2})+5:], 7900)
	binary.BigEndian.PutUint16(sof2[bytes.Index(sof2, []byte{0xff, 0xc2})+7:], 7900)
	sof2[bytes.Index(sof2, []byte{0xff, 0xc2})+11] = 0x11 // no subsampling
	many := grayTIFF(4, 4, 1, make([]byte, 16))
	for range 1000 { // a long chain of tiny directories
		next := uint32(len(many) + 6)
		many = append(many, 0, 0)
		many = binary.LittleEndian.AppendUint32(many, next)
	}
	binary.LittleEndian.PutUint32(many[8+2+9*12:], uint32(len(grayTIFF(4, 4, 1, make([]byte, 16)))))
	frames := sample(t, GIF, gradient(4, 4))
	frame := frames[bytes.IndexByte(frames[13+768:], 0x2c)+13+768 : len(frames)-1]
	gifMany := append(bytes.Clone(frames[:len(frames)-1]), bytes.Repeat(frame, 5000)...)
	vp8x := append([]byte{0, 0, 0, 0}, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
	anmf := bytes.Repeat(chunk("ANMF", make([]byte, 16)), 1000)
	return map[string][]byte{
		"png side":            pngOf(1<<31-1, 1, 8, 0, pngChunk("IDAT", nil)),
		"png area":            pngOf(30_000, 30_000, 16, 6, pngChunk("IDAT", nil)),
		"png promises pixels": pngOf(8000, 8000, 16, 6, pngChunk("IDAT", deflated(10))),
		"png garbage":         pngOf(7000, 7000, 16, 6, pngChunk("IDAT", garbage)),
		"png short stream":    pngOf(7000, 7000, 8, 6, pngChunk("IDAT", append(deflated(40<<20), garbage...))),
		"jpeg progressive":    sof2,
		"tiff garbage":        grayTIFF(7900, 7900, 8, garbage),
		"tiff short stream":   grayTIFF(7900, 7900, 8, append(deflated(30<<20), garbage...)),
		"png zero":            pngOf(0, 0, 8, 0, pngChunk("IDAT", nil)),
		"png frames":          pngOf(9, 9, 8, 0, pngChunk("acTL", []byte{0, 1, 0, 0, 0, 0, 0, 0}), pngChunk("IDAT", nil)),
		"png chunk length":    append(pngOf(9, 9, 8, 0), 0xff, 0xff, 0xff, 0xff, 'I', 'D', 'A', 'T')[:53],
		"png cut":             sample(t, PNG, gradient(9, 9))[:40],
		"jpeg promises":       huge(8000),
		"jpeg side":           huge(65535),
		"jpeg scans":          scans,
		"jpeg only a start":   {0xff, 0xd8, 0xff},
		"jpeg fill bytes":     append([]byte{0xff, 0xd8}, bytes.Repeat([]byte{0xff}, 1<<20)...),
		"gif frames":          gifMany,
		"gif screen":          append([]byte("GIF89a\xff\xff\xff\xff\x00\x00\x00"), 0x3b),
		"gif promises":        []byte("GIF89a\x40\x1f\x40\x1f\x00\x00\x00\x2c\x00\x00\x00\x00\x40\x1f\x40\x1f\x00\x08\x01\x00\x00\x3b"),
		"bmp side":            bmpHeader(1<<31-1, 1),
		"bmp negative":        bmpHeader(-5, 5),
		"bmp top down limit":  bmpHeader(1, -1<<31),
		"bmp promises":        bmpHeader(8000, 8000),
		"tiff loop":           loop,
		"tiff chain":          many,
		"tiff area":           grayTIFF(60_000, 60_000, 1, nil),
		"tiff promises":       grayTIFF(8000, 8000, 1, make([]byte, 10)),
		"tiff strip outside":  grayTIFF(8000, 8000, 8, nil)[:100],
		"tiff deep entry":     {'I', 'I', 42, 0, 8, 0, 0, 0, 0xff, 0xff},
		"tiff bits":           tiffOf([][2]uint32{{tagWidth, 9}, {tagHeight, 9}, {tagBitsPerSample, 1 << 30}}, 0, nil),
		"tiff planes":         tiffOf([][2]uint32{{tagWidth, 9}, {tagHeight, 9}, {tagSamplesPerPixel, 3}, {tagPlanarConfig, 2}}, 0, nil),
		"tiff tiny tiles":     tiffOf([][2]uint32{{tagWidth, 8000}, {tagHeight, 8000}, {tagTileWidth, 1}, {tagTileLength, 1}}, 0, nil),
		"tiff huge tiles":     tiffOf([][2]uint32{{tagWidth, 8}, {tagHeight, 8}, {tagTileWidth, 1 << 31}, {tagTileLength, 1 << 31}}, 0, nil),
		"tiff bomb":           grayTIFF(5000, 5000, 8, bomb),
		"webp canvas":         riff(chunk("VP8X", vp8x)),
		"webp two sizes":      riff(chunk("VP8X", make([]byte, 10)), solidWebP(8000, 8000, 1, 2, 3)[12:]),
		"webp frames":         riff(chunk("VP8X", make([]byte, 10)), anmf),
		"webp empty":          riff(),
		"webp cut":            solidWebP(9, 9, 1, 2, 3)[:22],
		"text":                []byte(strings.Repeat("x", 1<<20)),
	}
}

func bmpHeader(w, h int32) []byte {
	out := make([]byte, 54)
	copy(out, "BM")
	binary.LittleEndian.PutUint32(out[10:], 54)
	binary.LittleEndian.PutUint32(out[14:], 40)
	binary.LittleEndian.PutUint32(out[18:], uint32(w))
	binary.LittleEndian.PutUint32(out[22:], uint32(h))
	binary.LittleEndian.PutUint16(out[26:], 1)
	binary.LittleEndian.PutUint16(out[28:], 24)
	return out
}

// TestHostileFilesAreRefusedCheaply opens each file of the corpus to the
// pixels. It is not parallel: it measures what the whole process allocates.
//
//nolint:paralleltest // see above
func TestHostileFilesAreRefusedCheaply(t *testing.T) {
	for name, data := range hostile(t) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		p, err := Gate{}.Open(data)
		if err == nil {
			_, err = p.Image()
		}
		took := time.Since(start)
		runtime.ReadMemStats(&after)
		if kind := fault.Of(err); err == nil || kind != fault.Invalid && kind != fault.TooLarge {
			t.Errorf("%s: Open and Image = %v, want kind invalid or too_large", name, err)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > refusalBytes {
			t.Errorf("%s: %d MiB allocated, want at most %d", name, used>>20, refusalBytes>>20)
		}
		if took > refusalTime {
			t.Errorf("%s: took %s, want at most %s", name, took, refusalTime)
		}
	}
}

// TestBombsBesideThePixelsAreSteppedOver: compressed metadata is never
// unpacked, so the picture itself is fine. It measures as the test above.
//
//nolint:paralleltest // see above
func TestBombsBesideThePixelsAreSteppedOver(t *testing.T) {
	plain := sample(t, PNG, gradient(20, 20))
	data, bomb := plain, deflated(64<<20)
	for _, kind := range []string{"zTXt", "iTXt", "iCCP"} {
		body := append([]byte("name\x00\x00"), bomb...)
		data = insertAfterIHDR(data, pngChunk(kind, body))
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	p, err := Gate{}.Open(data)
	if err == nil {
		_, err = p.Image()
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; err != nil || used > 16<<20 {
		t.Errorf("Open and Image = %v with %d MiB, want a picture with at most 16", err, used>>20)
	}
}

func TestProgressiveAndCMYKAreServed(t *testing.T) {
	t.Parallel()
	// A two-component-free check of the walk: restart markers and stuffed
	// bytes inside the scan must not be taken for its end.
	noisy := gradient(200, 200)
	for i := range noisy.Pix {
		if i%4 != 3 {
			noisy.Pix[i] = byte(i * 7919 >> 3)
		}
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, noisy, &jpeg.Options{Quality: 100}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(out.Bytes(), []byte{0xff, 0x00}) {
		t.Fatal("the sample has no stuffed byte")
	}
	if got, err := (Gate{}).Inspect(out.Bytes()); err != nil || got.Width != 200 {
		t.Errorf("Inspect() = %+v, %v, want 200x200", got, err)
	}
	cmyk := image.NewCMYK(image.Rect(0, 0, 3, 2))
	cmyk.Pix[3] = 255
	if got := toNRGBA(cmyk).NRGBAAt(0, 0); got.R != 0 || got.A != 255 {
		t.Errorf("toNRGBA(CMYK black) = %v, want opaque black", got)
	}
}

func FuzzOpen(f *testing.F) {
	for _, format := range formats {
		f.Add(sample(f, format, gradient(5, 4)))
	}
	f.Add(animatedWebP(1, 1))
	f.Add(withExif(sample(f, JPEG, gradient(5, 4)), exifBlock(6)))
	for _, data := range hostile(f) {
		if len(data) < 4096 {
			f.Add(data)
		}
	}
	gate := Gate{MaxPixels: 1 << 16, MaxSide: 1 << 12, MaxBytes: 1 << 20}
	f.Fuzz(func(t *testing.T, data []byte) {
		header, err := gate.Inspect(data)
		if err != nil {
			if fault.Of(err) == fault.Internal {
				t.Errorf("Inspect() = %v, want an error with a kind", err)
			}
			return
		}
		if header.Width*header.Height > gate.MaxPixels || header.Frames > DefaultMaxFrames || header.Frames < 1 {
			t.Errorf("Inspect() let %+v through", header)
		}
		p, err := gate.Open(data)
		if err != nil {
			return
		}
		img, err := p.Image()
		if err != nil {
			if fault.Of(err) == fault.Internal {
				t.Errorf("Image() = %v, want an error with a kind", err)
			}
			return
		}
		if img.Bounds() != image.Rect(0, 0, p.Header.Width, p.Header.Height) {
			t.Errorf("Image() = %v, want the %dx%d of the header", img.Bounds(), p.Header.Width, p.Header.Height)
		}
		crop, err := p.Crop(image.Rect(-1, -1, 3, 3))
		if err != nil {
			t.Fatalf("Crop() = %v, want a picture", err)
		}
		if _, err := crop.File(); err != nil {
			t.Errorf("Crop().File() = %v, want bytes", err)
		}
		if _, err := p.Thumbnail(8); err != nil {
			t.Errorf("Thumbnail() = %v, want a JPEG", err)
		}
	})
}

func FuzzParseDataURL(f *testing.F) {
	f.Add("data:image/png;base64,aGk=")
	f.Add(",")
	f.Add("x, a G k = \r\n")
	f.Add("x,AAAA\nAAAAAAAAAAAAAAAAAAAA\nAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Add("x,ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/AA==")
	f.Add("x,ABCDEFGHIJKLMNOPQR=TUVWX")
	f.Fuzz(func(t *testing.T, s string) {
		header, data, err := ParseDataURL([]byte(s))
		if err != nil {
			if !fault.Is(err, fault.Invalid) {
				t.Errorf("ParseDataURL(%q) = %v, want kind invalid", s, err)
			}
			return
		}
		if !strings.HasPrefix(s, header) || len(data) > len(s)*3/4 {
			t.Errorf("ParseDataURL(%q) = %q with %d bytes", s, header, len(data))
		}
		// Decoding in place must give what decoding into fresh memory gives.
		_, encoded, _ := strings.Cut(s, ",")
		want, err := base64.StdEncoding.DecodeString(strings.NewReplacer(" ", "", "\t", "").Replace(encoded))
		if err != nil || !bytes.Equal(data, want) {
			t.Errorf("ParseDataURL(%q) = %q, want %q, %v", s, data, want, err)
		}
	})
}
