package descriptor_test

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math"
	"testing"

	"granary/internal/demos/builtin/descriptor"
	"granary/internal/demos/builtin/descriptor/descriptortest"
	"granary/internal/demos/plane"
)

func TestTurnIsDescribingTheTurnedPicture(t *testing.T) {
	t.Parallel()
	d := descriptor.New(false)
	img := descriptortest.Picture(3)
	upright, turned := describe(d, img), make([]float32, descriptor.Size)
	for _, turn := range allTurns {
		d.Turn(turned, upright, descriptor.PoseOf(turn))
		want := describe(d, descriptortest.Turn(img, turn))
		for i := range want {
			if math.Abs(float64(turned[i]-want[i])) > 1e-4 {
				t.Fatalf("Turn(%s)[%d] = %v, want %v", turn, i, turned[i], want[i])
			}
		}
	}
}

func TestRelationsCoverEveryPairOfTurns(t *testing.T) {
	t.Parallel()
	d := descriptor.New(false)
	a, b := describe(d, descriptortest.Picture(1)), describe(d, descriptortest.Picture(2))
	relations, err := descriptor.Relations(allTurns)
	if err != nil {
		t.Fatal(err)
	}
	if len(relations) != descriptor.Poses {
		t.Errorf("six turns give %d relative poses, want %d", len(relations), descriptor.Poses)
	}
	relative := map[string]bool{}
	left, right, posed := make([]float32, descriptor.Size), make([]float32, descriptor.Size), make([]float32, descriptor.Size)
	product := func(x, y []float32) string {
		var sum float64
		for i := range x {
			sum += float64(x[i]) * float64(y[i])
		}
		return fmt.Sprintf("%.4f", sum)
	}
	for _, r := range relations {
		d.Turn(posed, b, r.Pose)
		d.Turn(left, a, descriptor.PoseOf(allTurns[r.A]))
		d.Turn(right, b, descriptor.PoseOf(allTurns[r.B]))
		if got, want := product(a, posed), product(left, right); got != want {
			t.Errorf("pose %d: product %s, but %s of %s and %s", r.Pose, got, want, allTurns[r.A], allTurns[r.B])
		}
		relative[product(a, posed)] = true
	}
	for _, p := range allTurns {
		for _, q := range allTurns {
			d.Turn(left, a, descriptor.PoseOf(p))
			d.Turn(right, b, descriptor.PoseOf(q))
			if !relative[product(left, right)] {
				t.Errorf("no relative pose stands for %s and %s", p, q)
			}
		}
	}
	if one, err := descriptor.Relations([]plane.Turn{plane.None}); err != nil || len(one) != 1 {
		t.Errorf("Relations(none) = %v, %v, want one", one, err)
	}
	if _, err := descriptor.Relations([]plane.Turn{"rot45"}); err == nil {
		t.Error("Relations(rot45) = nil, want an error")
	}
}

func TestMirrored(t *testing.T) {
	t.Parallel()
	for turn, want := range map[plane.Turn]bool{
		plane.None: false, plane.Rot90: false, plane.Rot180: false, plane.Rot270: false, plane.HFlip: true, plane.VFlip: true,
	} {
		if got := descriptor.PoseOf(turn).Mirrored(); got != want {
			t.Errorf("PoseOf(%s).Mirrored() = %t, want %t", turn, got, want)
		}
	}
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	d := descriptor.New(false)
	size := func(v []float32) (sum float64) {
		for _, x := range v {
			sum += float64(x) * float64(x)
		}
		return math.Sqrt(sum)
	}
	if got := size(describe(d, descriptortest.Blank(40, 30, color.Gray{Y: 128}))); got > 1e-3 {
		t.Errorf("a grey sheet has a vector of length %v, want 0", got)
	}
	if got := size(describe(d, descriptortest.Blank(40, 30, color.White))); got < 0.1 {
		t.Errorf("a white sheet has a vector of length %v, want one that tells it from grey", got)
	}
	for _, side := range []int{1, 2, 5, 63} {
		for i, v := range describe(d, descriptortest.Blank(side, 1, color.White)) {
			if math.IsNaN(float64(v)) {
				t.Fatalf("a picture of %d×1: number %d is NaN", side, i)
			}
		}
	}
	shape := descriptor.New(true)
	red, blue := descriptortest.Blank(40, 40, color.RGBA{R: 200, A: 255}), descriptortest.Blank(40, 40, color.RGBA{B: 200, A: 255})
	if got := size(describe(shape, red)) + size(describe(shape, blue)); got > 1e-3 {
		t.Errorf("colour alone gives a shape vector of length %v, want 0", got)
	}
}

// TestDescribeReadsEveryKindOfImage gives one picture in several layouts of
// samples, parts with an odd origin among them.
func TestDescribeReadsEveryKindOfImage(t *testing.T) {
	t.Parallel()
	d := descriptor.New(false)
	whole := descriptortest.Picture(5)
	part := image.Rect(3, 5, 160, 170)
	want := describe(d, whole.SubImage(part))
	for name, img := range map[string]image.Image{
		"NRGBA": convert(image.NewNRGBA(whole.Rect), whole), "RGBA64": convert(image.NewRGBA64(whole.Rect), whole),
		"4:4:4": ycbcr(whole, image.YCbCrSubsampleRatio444), "4:2:2": ycbcr(whole, image.YCbCrSubsampleRatio422),
		"4:2:0": ycbcr(whole, image.YCbCrSubsampleRatio420), "4:1:1": ycbcr(whole, image.YCbCrSubsampleRatio411),
	} {
		cut, ok := img.(interface {
			SubImage(r image.Rectangle) image.Image
		})
		if !ok {
			t.Fatalf("%s has no parts", name)
		}
		got := describe(d, cut.SubImage(part))
		var likeness, length float64
		for i := range want {
			likeness += float64(want[i]) * float64(got[i])
			length += float64(want[i]) * float64(want[i])
		}
		if likeness/length < 0.999 {
			t.Errorf("%s is %.4f like RGBA, want the same", name, likeness/length)
		}
	}
}

func convert(dst draw.Image, src image.Image) image.Image {
	draw.Draw(dst, dst.Bounds(), src, src.Bounds().Min, draw.Src)
	return dst
}

func ycbcr(src *image.RGBA, ratio image.YCbCrSubsampleRatio) image.Image {
	out := image.NewYCbCr(src.Rect, ratio)
	for y := range src.Rect.Dy() {
		for x := range src.Rect.Dx() {
			c := src.RGBAAt(x, y)
			out.Y[out.YOffset(x, y)], out.Cb[out.COffset(x, y)], out.Cr[out.COffset(x, y)] = color.RGBToYCbCr(c.R, c.G, c.B)
		}
	}
	return out
}
