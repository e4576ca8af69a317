package watermarks_test

import (
	"image"
	"math/rand/v2"
	"testing"

	"granary/internal/demos/builtin/watermarks"
	"granary/internal/demos/plane"
)

// overlap is the common area of two boxes by their joint one.
func overlap(a, b image.Rectangle) float64 {
	area := func(r image.Rectangle) float64 { return float64(r.Dx() * r.Dy()) }
	both := area(a.Intersect(b))
	return both / (area(a) + area(b) - both)
}

func inPixels(b watermarks.Box, w, h int) image.Rectangle {
	return image.Rect(int(b.X0*float64(w)), int(b.Y0*float64(h)), int(b.X1*float64(w)), int(b.Y1*float64(h)))
}

// TestDetectFindsFaintMarks photographs 40 marks, each twice as bright as the
// paper's grain is coarse or four times, half of them with mould lines and a
// quarter with writing too.
func TestDetectFindsFaintMarks(t *testing.T) {
	t.Parallel()
	const marks = 40
	var found int
	var sum float64
	for seed := range uint64(marks) {
		r := rand.New(rand.NewPCG(seed, 9))
		w, h := 420+r.IntN(200), 500+r.IntN(200)
		size := 160 + r.IntN(140)
		at := image.Rect(0, 0, size, size).Add(image.Pt(30+r.IntN(w-size-60), 130+r.IntN(h-size-160)))
		p := photo{seed: seed, light: 16 + 16*float64(seed%2), grain: 7, at: at, lines: seed%4 >= 2, writing: seed%4 == 3}
		picture, truth := newMark(seed).sheet(w, h, p)
		boxes := watermarks.Detect(picture)
		var best float64
		for _, b := range boxes {
			if b.Score >= 0.5 {
				best = max(best, overlap(inPixels(b, w, h), truth))
			}
		}
		sum += best
		if best >= 0.5 {
			found++
		} else {
			t.Logf("mark %d: overlap %.2f, %d boxes, first %+v, truth %v in %dx%d", seed, best, len(boxes), boxes[0], truth, w, h)
		}
	}
	t.Logf("%d of %d marks found, mean overlap %.2f", found, marks, sum/marks)
	if found < marks*9/10 {
		t.Errorf("%d of %d marks found, want nine in ten", found, marks)
	}
}

func TestDetectTakesThePictureWhereNoMarkIs(t *testing.T) {
	t.Parallel()
	bare, _ := mark{}.sheet(400, 500, photo{seed: 1, grain: 7, lines: true})
	for name, g := range map[string]plane.Gray{"bare paper": bare, "one pixel": plane.New(1, 1), "nothing": {}} {
		boxes := watermarks.Detect(g)
		if b := boxes[0]; b.Score >= 0.5 || len(boxes) == 1 && (b.X1 != 1 || b.Y1 != 1) {
			t.Errorf("%s: Detect = %+v, want the whole picture with a low score", name, boxes)
		}
	}
}
