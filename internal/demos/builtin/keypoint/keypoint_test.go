package keypoint_test

import (
	"image"
	"image/color"
	"testing"

	"granary/internal/demos/builtin/descriptor/descriptortest"
	"granary/internal/demos/builtin/keypoint"
	"granary/internal/demos/plane"
)

// TestCopiesCoverTheirOriginals compares copies of 40 pictures with their
// originals and with the next picture.
func TestCopiesCoverTheirOriginals(t *testing.T) {
	t.Parallel()
	const bases = 40
	finder := keypoint.New()
	originals := make([]*keypoint.Features, bases)
	images := make([]*image.RGBA, bases)
	for i := range originals {
		images[i] = descriptortest.Picture(uint64(i))
		originals[i] = finder.Find(plane.From(images[i]))
	}
	for _, kind := range descriptortest.Kinds() {
		mirrored := kind == descriptortest.Flipped
		var found, mistaken int
		var own, other float64
		for i := range originals {
			features := finder.Find(plane.From(descriptortest.Copy(images[i], uint64(i), kind)))
			score := keypoint.Compare(features, originals[i], mirrored)
			wrong := keypoint.Compare(features, originals[(i+1)%bases], mirrored)
			own, other = own+score/bases, other+wrong/bases
			if score > 0.3 {
				found++
			}
			if wrong > 0.3 {
				mistaken++
			}
		}
		t.Logf("%s: %d of %d found, mean coverage %.2f; of another picture %.2f", kind, found, bases, own, other)
		if found < bases*95/100 || mistaken > 0 {
			t.Errorf("%s: %d of %d copies found and %d mistaken, want 95 %% and none", kind, found, bases, mistaken)
		}
	}
}

// TestPartsAreFound puts a picture into a larger one, turned and beside
// another: something that a vector of the whole picture cannot see.
func TestPartsAreFound(t *testing.T) {
	t.Parallel()
	finder := keypoint.New()
	var hits int
	const tries = 10
	for seed := range uint64(tries) {
		part := descriptortest.Picture(seed)
		whole := descriptortest.Picture(seed + 100)
		inset := descriptortest.Turn(part, plane.Rot90)
		page := image.NewRGBA(image.Rect(0, 0, inset.Rect.Dx()+whole.Rect.Dx(), max(inset.Rect.Dy(), whole.Rect.Dy())))
		for y := range page.Rect.Dy() {
			for x := range page.Rect.Dx() {
				if x < inset.Rect.Dx() {
					page.Set(x, y, inset.At(x, y))
				} else {
					page.Set(x, y, whole.At(x-inset.Rect.Dx(), y))
				}
			}
		}
		score := keypoint.Compare(finder.Find(plane.From(part)), finder.Find(plane.From(page)), false)
		t.Logf("part %d: coverage %.2f", seed, score)
		if score > 0.15 {
			hits++
		}
	}
	if hits < 8 {
		t.Errorf("%d of %d parts found, want at least 8", hits, tries)
	}
}

func TestEmptyPicturesMatchNothing(t *testing.T) {
	t.Parallel()
	finder := keypoint.New()
	full := finder.Find(plane.From(descriptortest.Picture(1)))
	for name, g := range map[string]plane.Gray{
		"no pixel": {}, "one pixel": plane.New(1, 1), "a thin line": plane.New(500, 2),
		"blank": plane.From(descriptortest.Blank(300, 200, color.White)),
	} {
		none := finder.Find(g)
		if none.Len() != 0 {
			t.Errorf("%s has %d corners, want none", name, none.Len())
		}
		if got := keypoint.Compare(none, full, false) + keypoint.Compare(full, none, true); got != 0 {
			t.Errorf("%s covers %v of a picture, want 0", name, got)
		}
	}
	if got := keypoint.Compare(full, full, false); got != 1 {
		t.Errorf("a picture covers %v of itself, want 1", got)
	}
	if got := full.Len(); got > keypoint.MaxPoints || got < 50 {
		t.Errorf("a textured picture has %d corners", got)
	}
}

func BenchmarkFind(b *testing.B) {
	g, finder := plane.From(descriptortest.Picture(1)), keypoint.New()
	for b.Loop() {
		finder.Find(g)
	}
}

func BenchmarkCompare(b *testing.B) {
	finder := keypoint.New()
	img := descriptortest.Picture(1)
	x, y := finder.Find(plane.From(img)), finder.Find(plane.From(descriptortest.Copy(img, 1, descriptortest.Cropped)))
	for b.Loop() {
		keypoint.Compare(x, y, false)
	}
}
