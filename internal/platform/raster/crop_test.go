package raster

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"testing"

	"granary/internal/platform/fault"
)

func TestCropKeepsFormatAndPixels(t *testing.T) {
	t.Parallel()
	src := gradient(60, 40)
	for _, format := range formats {
		t.Run(string(format), func(t *testing.T) {
			t.Parallel()
			p, err := Gate{}.Open(sample(t, format, src))
			if err != nil {
				t.Fatal(err)
			}
			for _, box := range []image.Rectangle{image.Rect(11, 7, 32, 30), image.Rect(-5, -6, 20, 10), image.Rect(100, 100, 110, 105)} {
				crop, err := p.Crop(box)
				if err != nil {
					t.Fatalf("Crop(%v) = %v, want a picture", box, err)
				}
				want := format
				if format == WebP {
					want = PNG
				}
				if crop.Header.Format != want || crop.Header.Width != box.Dx() || crop.Header.Height != box.Dy() {
					t.Errorf("Crop(%v) = %+v, want %s %v", box, crop.Header, want, box.Size())
				}
				again, err := Gate{}.Open(fileOf(t, crop))
				if err != nil {
					t.Fatalf("Open(Crop(%v).File()) = %v, want a picture", box, err)
				}
				full, _ := p.NRGBA()
				got, err := again.NRGBA()
				if err != nil {
					t.Fatalf("NRGBA() = %v, want pixels", err)
				}
				held, _ := crop.NRGBA()
				for _, at := range []image.Point{box.Min, box.Max.Sub(image.Pt(1, 1)), box.Min.Add(box.Size().Div(2))} {
					want := color.NRGBA{A: 255}
					if at.In(full.Rect) {
						want = full.NRGBAAt(at.X, at.Y)
					}
					q := at.Sub(box.Min)
					tolerance := 0
					if format == JPEG {
						tolerance = 40 // at the border between picture and black
					}
					for _, have := range []color.NRGBA{got.NRGBAAt(q.X, q.Y), held.NRGBAAt(q.X, q.Y)} {
						if !near(have, want, tolerance) {
							t.Errorf("Crop(%v) at %v = %v, want %v", box, at, have, want)
						}
					}
				}
			}
		})
	}
}

// near ignores alpha where both are black: outside of a picture with alpha is
// transparent.
func near(a, b color.NRGBA, tolerance int) bool {
	d := func(x, y uint8) bool { return max(int(x)-int(y), int(y)-int(x)) <= tolerance }
	return d(a.R, b.R) && d(a.G, b.G) && d(a.B, b.B)
}

func TestCropKeepsDepthAndColourModel(t *testing.T) {
	t.Parallel()
	gray16 := image.NewGray16(image.Rect(0, 0, 8, 8))
	gray16.SetGray16(3, 3, color.Gray16{0x1234})
	deep := image.NewNRGBA64(image.Rect(0, 0, 8, 8))
	deep.SetNRGBA64(3, 3, color.NRGBA64{0x1234, 0x5678, 0x9abc, 0x8001})
	gray := image.NewGray(image.Rect(0, 0, 8, 8))
	gray.SetGray(3, 3, color.Gray{77})
	for name, src := range map[string]image.Image{"gray16": gray16, "nrgba64": deep, "gray": gray} {
		for _, format := range []Format{PNG, TIFF} {
			t.Run(name+" "+string(format), func(t *testing.T) {
				t.Parallel()
				p, err := Gate{}.Open(sample(t, format, src))
				if err != nil {
					t.Fatal(err)
				}
				crop, err := p.Crop(image.Rect(-2, -2, 6, 6))
				if err != nil {
					t.Fatalf("Crop() = %v, want a picture", err)
				}
				again, err := Gate{}.Open(fileOf(t, crop))
				if err != nil {
					t.Fatal(err)
				}
				img, err := again.Image()
				if err != nil {
					t.Fatal(err)
				}
				if got, want := img.At(5, 5), src.At(3, 3); got != want {
					t.Errorf("Crop().At(5,5) = %v, want %v", got, want)
				}
			})
		}
	}
}

func TestCropRefuses(t *testing.T) {
	t.Parallel()
	gate := Gate{MaxPixels: 10_000}
	p, err := gate.Open(sample(t, PNG, gradient(10, 10)))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		box  image.Rectangle
		kind fault.Kind
	}{
		{image.Rectangle{}, fault.Invalid},
		{image.Rect(0, 0, 101, 100), fault.TooLarge},
		{image.Rectangle{Max: image.Pt(1<<40, 1<<40)}, fault.TooLarge},
	} {
		if _, err := p.Crop(tc.box); !fault.Is(err, tc.kind) {
			t.Errorf("Crop(%v) = %v, want kind %v", tc.box, err, tc.kind)
		}
	}
}

func TestThumbnailFitsAndLooksAlike(t *testing.T) {
	t.Parallel()
	for _, format := range formats {
		for _, size := range []image.Point{{1000, 300}, {30, 40}, {1, 500}} {
			p, err := Gate{}.Open(sample(t, format, gradient(size.X, size.Y)))
			if err != nil {
				t.Fatal(err)
			}
			data, err := p.Thumbnail(128)
			if err != nil {
				t.Fatalf("Thumbnail(%s %v) = %v, want a JPEG", format, size, err)
			}
			small, err := jpeg.Decode(bytes.NewReader(data))
			if err != nil {
				t.Fatalf("decode thumbnail: %v", err)
			}
			b := small.Bounds()
			if want := min(128, max(size.X, size.Y)); max(b.Dx(), b.Dy()) != want {
				t.Errorf("Thumbnail(%s %v) = %v, want a longer side of %d", format, size, b, want)
			}
			if format != WebP && min(size.X, size.Y) > 10 {
				got, _ := toNRGBA(small), 0
				r := int(got.NRGBAAt(b.Dx()/2, b.Dy()/2).R)
				if r < 110 || r > 145 {
					t.Errorf("Thumbnail(%s %v) red in the middle = %d, want about 127", format, size, r)
				}
			}
		}
	}
}

func TestThumbnailPutsTransparencyOnWhite(t *testing.T) {
	t.Parallel()
	p, err := Gate{}.Open(sample(t, PNG, image.NewNRGBA(image.Rect(0, 0, 300, 300))))
	if err != nil {
		t.Fatal(err)
	}
	data, err := p.Thumbnail(50)
	if err != nil {
		t.Fatal(err)
	}
	small, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if r, _, _, _ := small.At(25, 25).RGBA(); r < 0xfe00 {
		t.Errorf("Thumbnail() = %x, want white", r)
	}
}

func BenchmarkCrop(b *testing.B) {
	p, err := Gate{}.Open(sample(b, PNG, gradient(640, 560)))
	if err != nil {
		b.Fatal(err)
	}
	if _, err := p.Image(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		crop, err := p.Crop(image.Rect(100, 100, 250, 250))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := crop.File(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkThumbnail2MP(b *testing.B) {
	p, err := Gate{}.Open(sample(b, JPEG, gradient(1600, 1200)))
	if err != nil {
		b.Fatal(err)
	}
	if _, err := p.Image(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := p.Thumbnail(320); err != nil {
			b.Fatal(err)
		}
	}
}
