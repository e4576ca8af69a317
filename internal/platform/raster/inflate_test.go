package raster

import (
	"bytes"
	"compress/flate"
	stdzlib "compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	hashadler "hash/adler32"
	"image"
	"image/color"
	"image/png"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/klauspost/compress/zlib"
)

// framed makes the zlib stream of a deflate stream, with the checksum of what
// compress/flate makes of it.
func framed(body []byte) []byte {
	out, _ := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(body)), 1<<20))
	return binary.BigEndian.AppendUint32(append([]byte{0x78, 0x01}, body...), hashadler.Checksum(out))
}

func packedBy(t testing.TB, data []byte, level int) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, level)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// payloads are data that take an encoder through every block type, code
// length and kind of match, at sizes around the ends of the fast loop.
func payloads() map[string][]byte {
	rng := rand.New(rand.NewPCG(3, 4))
	noise := make([]byte, 70_000)
	for i := range noise {
		noise[i] = byte(rng.Uint32())
	}
	var skewed []byte // Fibonacci counts make the longest codes there can be
	for symbol, a, b := 0, 1, 1; len(skewed) < 200_000; symbol, a, b = symbol+1, b, a+b {
		skewed = append(skewed, bytes.Repeat([]byte{byte(symbol)}, a)...)
	}
	rng.Shuffle(len(skewed), func(i, j int) { skewed[i], skewed[j] = skewed[j], skewed[i] })
	all := map[string][]byte{
		"empty": {}, "byte": {7}, "zeros": make([]byte, 100_000), "noise": noise, "skewed": skewed,
		"far":   append(append(bytes.Clone(noise[:32768]), noise[:300]...), noise[:32768]...),
		"pixel": photograph(90, 70).(*image.RGBA).Pix,
	}
	for period := 1; period <= 20; period++ {
		all[fmt.Sprintf("period %d", period)] = bytes.Repeat(noise[:period], 3000/period)
	}
	for size := 2; size < 900; size += 29 {
		all[fmt.Sprintf("%d bytes of noise", size)] = noise[:size]
		all[fmt.Sprintf("%d skewed bytes", size)] = skewed[:size]
	}
	return all
}

func TestInflateReturnsWhatWasDeflated(t *testing.T) {
	t.Parallel()
	for name, data := range payloads() {
		for _, level := range []int{flate.HuffmanOnly, flate.NoCompression, flate.BestSpeed, flate.BestCompression} {
			in := framed(packedBy(t, data, level))
			if len(data) < 1<<20 && binary.BigEndian.Uint32(in[len(in)-4:]) != adler(1, data) {
				t.Errorf("adler(%s) = %x, want %x", name, adler(1, data), in[len(in)-4:])
			}
			out := make([]byte, len(data))
			if err := inflate(out, in, quiet); err != nil || !bytes.Equal(out, data) {
				t.Errorf("inflate(%s, level %d) = %v, equal %v", name, level, err, bytes.Equal(out, data))
			}
			if err := inflate(make([]byte, len(data)+1), in, quiet); !errors.Is(err, errSize) {
				t.Errorf("inflate(%s, level %d) into a byte too many = %v, want %v", name, level, err, errSize)
			}
			if len(data) == 0 {
				continue
			}
			if err := inflate(out[1:], in, quiet); !errors.Is(err, errSize) {
				t.Errorf("inflate(%s, level %d) into a byte too few = %v, want %v", name, level, err, errSize)
			}
		}
	}
}

// judge says what compress/zlib finds wrong with a stream of size bytes.
func judge(in []byte, size int) error {
	rest := bytes.NewReader(in)
	stream, err := stdzlib.NewReader(rest)
	if err != nil {
		return err
	}
	out, err := io.ReadAll(stream)
	if err == nil && (len(out) != size || rest.Len() != 0) {
		return errSize
	}
	return err
}

func TestInflateJudgesCutsAndFlips(t *testing.T) {
	t.Parallel()
	data := payloads()["pixel"][:3000]
	in := framed(packedBy(t, data, flate.BestCompression))
	out := make([]byte, len(data))
	for cut := range in {
		if inflate(out, in[:cut], quiet) == nil {
			t.Errorf("inflate(first %d of %d bytes) = nil, want an error", cut, len(in))
		}
	}
	for bit := range 8 * len(in) {
		broken := bytes.Clone(in)
		broken[bit/8] ^= 1 << (bit % 8)
		got, want := inflate(out, broken, quiet), judge(broken, len(out))
		if (got == nil) != (want == nil) { // the checksum does not see all
			t.Errorf("inflate(bit %d flipped) = %v, want as compress/zlib: %v", bit, got, want)
		}
	}
}

func TestAdler(t *testing.T) {
	t.Parallel()
	data := bytes.Repeat([]byte{0xff}, 5000) // the most that the lanes must hold
	for size := range len(data) {
		if got, want := adler(1, data[:size]), hashadler.Checksum(data[:size]); got != want {
			t.Fatalf("adler(%d times ff) = %x, want %x", size, got, want)
		}
	}
}

// FuzzInflate holds inflate against compress/zlib: of a stream, and of the
// same bytes as a deflate stream with a right frame.
func FuzzInflate(f *testing.F) {
	for _, level := range []int{flate.HuffmanOnly, flate.NoCompression, flate.BestSpeed, flate.BestCompression} {
		f.Add(packedBy(f, []byte("granary granary grain grain grain, rye and wheat"), level))
		f.Add(framed(packedBy(f, bytes.Repeat([]byte{1, 2, 3, 4}, 300), level)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, in := range [][]byte{data, framed(data)} {
			const most = 1 << 20
			rest := bytes.NewReader(in)
			var want []byte
			stream, err := stdzlib.NewReader(rest)
			if err == nil {
				want, err = io.ReadAll(io.LimitReader(stream, most))
			}
			if len(want) == most {
				return
			}
			out := make([]byte, len(want))
			got := inflate(out, in, quiet)
			if (got == nil) != (err == nil && rest.Len() == 0) {
				t.Fatalf("inflate = %v, want as compress/zlib: %v, %d bytes left", got, err, rest.Len())
			}
			if got == nil && !bytes.Equal(out, want) {
				t.Fatal("inflate differs from compress/zlib")
			}
			if inflate(make([]byte, len(want)+1), in, quiet) == nil || len(want) > 0 && inflate(out[1:], in, quiet) == nil {
				t.Fatal("inflate took a stream of another size")
			}
		}
	})
}

// photograph returns a picture of dark grains on a light ground that gets
// darker to the right, under a noisy sensor.
func photograph(width, height int) image.Image {
	rng := rand.New(rand.NewPCG(1, 2))
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			light := 225 - 45*x/width + int(4*rng.NormFloat64())
			if dx, dy := x%160-80, y%140-70; dx*dx+2*dy*dy < 45*45 {
				light -= 110 - (dx*dx+2*dy*dy)/40
			}
			img.SetRGBA(x, y, color.RGBA{
				R: uint8(min(max(light, 0), 255)), G: uint8(min(max(light-12, 0), 255)), B: uint8(min(max(light-40, 0), 255)), A: 255,
			})
		}
	}
	return img
}

// quiet does not follow what is unpacked.
func quiet(int) {}

func BenchmarkDecodePNG(b *testing.B) {
	file := encoded(b, photograph(640, 560), png.BestSpeed)
	b.Run("standard", func(b *testing.B) {
		for b.Loop() {
			if _, err := png.Decode(bytes.NewReader(file)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("plain", func(b *testing.B) {
		for b.Loop() {
			if _, err := decodePlainPNG(file); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkInflate(b *testing.B) {
	file := encoded(b, photograph(640, 560), png.BestSpeed)
	packed, err := checkPlainChunks(file[8:])
	if err != nil {
		b.Fatal(err)
	}
	in, out := pixelStream(file[8:], packed), make([]byte, 560*(1+3*640))
	through := func(open func(io.Reader) (io.ReadCloser, error)) error {
		stream, err := open(bytes.NewReader(in))
		if err != nil {
			return err
		}
		_, err = io.ReadFull(stream, out)
		return err
	}
	for _, way := range []struct {
		name string
		run  func() error
	}{
		{"compress", func() error { return through(stdzlib.NewReader) }},
		{"klauspost", func() error { return through(zlib.NewReader) }},
		{"here", func() error { return inflate(out, in, quiet) }},
	} {
		b.Run(way.name, func(b *testing.B) {
			b.SetBytes(int64(len(out)))
			for b.Loop() {
				if err := way.run(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
