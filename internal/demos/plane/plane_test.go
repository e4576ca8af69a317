package plane_test

import (
	"image"
	"image/color"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/image/draw"

	"granary/internal/demos/plane"
)

func TestTurned(t *testing.T) {
	t.Parallel()
	g := plane.Gray{W: 3, H: 2, Pix: []uint8{1, 2, 3, 4, 5, 6}}
	tests := map[plane.Turn]plane.Gray{
		plane.None:   g,
		plane.HFlip:  {W: 3, H: 2, Pix: []uint8{3, 2, 1, 6, 5, 4}},
		plane.VFlip:  {W: 3, H: 2, Pix: []uint8{4, 5, 6, 1, 2, 3}},
		plane.Rot90:  {W: 2, H: 3, Pix: []uint8{3, 6, 2, 5, 1, 4}},
		plane.Rot180: {W: 3, H: 2, Pix: []uint8{6, 5, 4, 3, 2, 1}},
		plane.Rot270: {W: 2, H: 3, Pix: []uint8{4, 1, 5, 2, 6, 3}},
	}
	for turn, want := range tests {
		if diff := cmp.Diff(want, g.Turned(turn)); diff != "" {
			t.Errorf("Turned(%s) (-want +got):\n%s", turn, diff)
		}
		if parsed, err := plane.ParseTurn(string(turn)); err != nil || parsed != turn {
			t.Errorf("ParseTurn(%s) = %s, %v", turn, parsed, err)
		}
	}
	if _, err := plane.ParseTurn("rot45"); err == nil {
		t.Error("ParseTurn(rot45) = nil, want an error")
	}
}

func TestFrom(t *testing.T) {
	t.Parallel()
	rect := image.Rect(2, 3, 6, 6) // an origin that is not zero, as sub-images have
	paint := func(set func(x, y int, c color.Color)) {
		for y := rect.Min.Y; y < rect.Max.Y; y++ {
			for x := rect.Min.X; x < rect.Max.X; x++ {
				set(x, y, color.RGBA{R: uint8(40 * x), G: uint8(30 * y), B: 90, A: 255})
			}
		}
	}
	rgba, nrgba, grey := image.NewRGBA(rect), image.NewNRGBA(rect), image.NewGray(rect)
	paint(rgba.Set)
	paint(nrgba.Set)
	paint(grey.Set)
	want := plane.From(nrgba)
	for name, img := range map[string]image.Image{"rgba": rgba, "grey": grey, "part": rgba.SubImage(rect)} {
		got := plane.From(img)
		for i := range got.Pix {
			if d := int(got.Pix[i]) - int(want.Pix[i]); d < -1 || d > 1 {
				t.Fatalf("From(%s): sample %d = %d, want %d", name, i, got.Pix[i], want.Pix[i])
			}
		}
	}
	if got := plane.From(image.NewRGBA(image.Rect(0, 0, 1, 1))).Pix[0]; got != 255 {
		t.Errorf("a transparent sample = %d, want white", got)
	}
}

func TestScaledKeepsTheMean(t *testing.T) {
	t.Parallel()
	g := plane.Filled(50, 20, color.Gray{Y: 77})
	for _, size := range [][2]int{{10, 4}, {1, 1}, {100, 40}} {
		got := g.Scaled(size[0], size[1])
		if diff := cmp.Diff(plane.Filled(size[0], size[1], color.Gray{Y: 77}), got); diff != "" {
			t.Errorf("Scaled(%v) (-want +got):\n%s", size, diff)
		}
	}
	if got := g.Within(25); got.W != 25 || got.H != 10 {
		t.Errorf("Within(25) is %dx%d, want 25x10", got.W, got.H)
	}
	if got := g.Cropped(image.Rect(45, 10, 90, 90)); got.W != 5 || got.H != 10 {
		t.Errorf("Cropped beyond the edge is %dx%d, want 5x10", got.W, got.H)
	}
}

// The filter is the one of golang.org/x/image/draw, which has no fast path for
// grey pictures.
func TestScaledIsTheTriangleFilter(t *testing.T) {
	t.Parallel()
	g := plane.New(97, 61)
	for i := range g.Pix {
		g.Pix[i] = uint8(i * i >> 3)
	}
	for _, size := range [][2]int{{48, 30}, {13, 61}, {150, 100}, {1, 1}, {97, 7}} {
		want := image.NewGray(image.Rect(0, 0, size[0], size[1]))
		draw.BiLinear.Scale(want, want.Rect, g.Image(), g.Image().Rect, draw.Src, nil)
		got := g.Scaled(size[0], size[1])
		for i := range got.Pix {
			if d := int(got.Pix[i]) - int(want.Pix[i]); d < -1 || d > 1 {
				t.Fatalf("Scaled(%v): sample %d = %d, want %d", size, i, got.Pix[i], want.Pix[i])
			}
		}
	}
}

func BenchmarkScaled(b *testing.B) {
	g := plane.New(1600, 1200)
	for b.Loop() {
		g.Scaled(400, 300)
	}
}
