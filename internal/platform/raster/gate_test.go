package raster

import (
	"bytes"
	"image"
	"image/color"
	"image/gif"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"granary/internal/platform/fault"
)

var formats = []Format{JPEG, PNG, GIF, BMP, TIFF, WebP}

func TestInspectReadsEveryFormat(t *testing.T) {
	t.Parallel()
	for _, format := range formats {
		t.Run(string(format), func(t *testing.T) {
			t.Parallel()
			got, err := Gate{}.Inspect(sample(t, format, gradient(37, 21)))
			want := Header{Format: format, Width: 37, Height: 21, Frames: 1, Orientation: 1}
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("Inspect(%s) = %+v, %v, want %+v", format, got, err, want)
			}
		})
	}
}

func TestInspectKeepsLimits(t *testing.T) {
	t.Parallel()
	frames := &gif.GIF{}
	for range 5 {
		frames.Image = append(frames.Image, image.NewPaletted(image.Rect(0, 0, 4, 4), color.Palette{color.Black, color.White}))
		frames.Delay = append(frames.Delay, 1)
	}
	var animated bytes.Buffer
	if err := gif.EncodeAll(&animated, frames); err != nil {
		t.Fatal(err)
	}
	plain := sample(t, PNG, gradient(40, 30))
	for _, tc := range []struct {
		name string
		gate Gate
		data []byte
		kind fault.Kind
	}{
		{"pixels", Gate{MaxPixels: 1199}, plain, fault.TooLarge},
		{"side", Gate{MaxSide: 39}, plain, fault.TooLarge},
		{"bytes", Gate{MaxBytes: int64(len(plain)) - 1}, plain, fault.TooLarge},
		{"frames", Gate{MaxFrames: 4}, animated.Bytes(), fault.TooLarge},
		{"empty", Gate{}, nil, fault.Invalid},
		{"text", Gate{}, []byte("hello"), fault.Invalid},
		{"other magic", Gate{}, append([]byte("GIF89a"), plain[6:]...), fault.Invalid},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if _, err := tc.gate.Inspect(tc.data); !fault.Is(err, tc.kind) {
				t.Errorf("Inspect() = %v, want kind %v", err, tc.kind)
			}
		})
	}
	if got, err := (Gate{MaxFrames: 5}).Inspect(animated.Bytes()); err != nil || got.Frames != 5 {
		t.Errorf("Inspect(5 frames) = %d frames, %v, want 5", got.Frames, err)
	}
}

func TestOpenTurnsUpright(t *testing.T) {
	t.Parallel()
	// Left half red, right half blue; orientation 6 shows left on top.
	stored := image.NewNRGBA(image.Rect(0, 0, 64, 32))
	for y := range 32 {
		for x := range 64 {
			c := color.NRGBA{R: 255, A: 255}
			if x >= 32 {
				c = color.NRGBA{B: 255, A: 255}
			}
			stored.SetNRGBA(x, y, c)
		}
	}
	files := map[string][]byte{
		"jpeg": withExif(sample(t, JPEG, stored), exifBlock(6)),
		"png":  insertAfterIHDR(sample(t, PNG, stored), pngChunk("eXIf", exifBlock(6))),
	}
	for name, data := range files {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := Gate{}.Open(data)
			if err != nil {
				t.Fatalf("Open() = %v, want a picture", err)
			}
			if p.Header.Width != 32 || p.Header.Height != 64 || p.Header.Orientation != 1 {
				t.Errorf("Open() = %+v, want 32x64 upright", p.Header)
			}
			again, err := Gate{}.Open(fileOf(t, p))
			if err != nil {
				t.Fatalf("Open(File()) = %v, want a picture", err)
			}
			for _, pic := range []*Picture{p, again} {
				img, err := pic.Image()
				if err != nil {
					t.Fatalf("Image() = %v, want pixels", err)
				}
				r, _, b, _ := img.At(16, 8).RGBA()
				r2, _, b2, _ := img.At(16, 56).RGBA()
				if r < 0xf000 || b > 0x1000 || r2 > 0x1000 || b2 < 0xf000 {
					t.Errorf("top = r%x b%x, bottom = r%x b%x, want red over blue", r, b, r2, b2)
				}
			}
		})
	}
}

// TestTurnedIsAPermutation checks all eight orientations against the corner
// that EXIF says the first stored pixel is shown in.
func TestTurnedIsAPermutation(t *testing.T) {
	t.Parallel()
	corner := map[int]image.Point{1: {0, 0}, 2: {3, 0}, 3: {3, 1}, 4: {0, 1}, 5: {0, 0}, 6: {1, 0}, 7: {1, 3}, 8: {0, 3}}
	for orientation, want := range corner {
		seen := map[image.Point]bool{}
		for y := range 2 {
			for x := range 4 {
				tx, ty := turned(x, y, 4, 2, orientation)
				seen[image.Pt(tx, ty)] = true
				if x == 0 && y == 0 && image.Pt(tx, ty) != want {
					t.Errorf("turned(0, 0, %d) = %d,%d, want %v", orientation, tx, ty, want)
				}
			}
		}
		if len(seen) != 8 {
			t.Errorf("orientation %d maps to %d pixels, want 8", orientation, len(seen))
		}
	}
}

func TestGIFFrameIsPlacedOnItsScreen(t *testing.T) {
	t.Parallel()
	frame := image.NewPaletted(image.Rect(3, 2, 5, 4), color.Palette{color.White, color.Black})
	var out bytes.Buffer
	err := gif.EncodeAll(&out, &gif.GIF{Image: []*image.Paletted{frame}, Delay: []int{0}, Config: image.Config{Width: 10, Height: 8}})
	if err != nil {
		t.Fatal(err)
	}
	p, err := Gate{}.Open(out.Bytes())
	if err != nil {
		t.Fatalf("Open() = %v, want a picture", err)
	}
	img, err := p.Image()
	if err != nil || img.Bounds() != image.Rect(0, 0, 10, 8) {
		t.Fatalf("Image() = %v, %v, want the 10x8 screen", img.Bounds(), err)
	}
	in, _, _, _ := img.At(3, 2).RGBA()
	outside, _, _, _ := img.At(0, 0).RGBA()
	if in != 0xffff || outside != 0 {
		t.Errorf("pixels = %x inside, %x outside, want white and black", in, outside)
	}
}

func TestAnimatedWebPShowsItsFirstFrame(t *testing.T) {
	t.Parallel()
	p, err := Gate{}.Open(animatedWebP(3, 2))
	if err != nil || p.Header.Frames != 2 {
		t.Fatalf("Open() = %+v, %v, want two frames", p, err)
	}
	img, err := p.NRGBA()
	if err != nil || img.Rect != image.Rect(0, 0, 20, 10) {
		t.Fatalf("NRGBA() = %v, want the 20x10 canvas", err)
	}
	if in, out := img.NRGBAAt(6, 4), img.NRGBAAt(0, 0); in != (color.NRGBA{200, 100, 50, 255}) || out.A != 0 {
		t.Errorf("pixels = %v inside, %v outside, want the colour and nothing", in, out)
	}
	if _, err := (Gate{}).Inspect(animatedWebP(9, 2)); !fault.Is(err, fault.Invalid) {
		t.Errorf("Inspect(frame outside) = %v, want kind invalid", err)
	}
}

func TestImageIsDecodedOnceUnderABudget(t *testing.T) {
	t.Parallel()
	// Each picture needs more than half of the budget, so they take turns.
	gate := Gate{Budget: NewBudget(37 * 21 * 4 * 3 / 2)}
	p, err := gate.Open(sample(t, PNG, gradient(37, 21)))
	if err != nil {
		t.Fatal(err)
	}
	other, err := gate.Open(sample(t, JPEG, gradient(200, 200)))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	images := make([]image.Image, 8)
	for i := range images {
		wg.Go(func() {
			if _, err := other.Image(); err != nil {
				t.Errorf("Image() = %v, want pixels", err)
			}
			images[i], _ = p.Image()
		})
	}
	wg.Wait()
	for _, img := range images {
		if img == nil || img != images[0] {
			t.Errorf("Image() = %p, want one picture for every caller", img)
		}
	}
}

func TestImageReportsDamage(t *testing.T) {
	t.Parallel()
	data := sample(t, PNG, gradient(64, 64))
	damaged := bytes.Clone(data)
	damaged[60] ^= 0xff
	p, err := Gate{}.Open(damaged)
	if err != nil {
		t.Fatalf("Open() = %v, want a picture (pixels are read later)", err)
	}
	if _, err := p.Image(); !fault.Is(err, fault.Invalid) {
		t.Errorf("Image() = %v, want kind invalid", err)
	}
}
