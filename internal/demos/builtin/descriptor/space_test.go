package descriptor_test

import (
	"testing"

	"granary/internal/demos/builtin/descriptor"
	"granary/internal/demos/builtin/descriptor/descriptortest"
)

func TestFewPicturesKeepTheirVectors(t *testing.T) {
	t.Parallel()
	d := descriptor.New(false)
	space, err := d.Fit(t.Context(), describe(d, descriptortest.Picture(1)))
	if err != nil {
		t.Fatal(err)
	}
	if space.Dim != descriptor.Size || space.Check() != nil {
		t.Errorf("one picture gives a space of %d dimensions (%v), want the plain one", space.Dim, space.Check())
	}
}

func TestCheckRefusesSpacesThatDoNotFit(t *testing.T) {
	t.Parallel()
	for name, space := range map[string]*descriptor.Space{
		"no dimension":  {},
		"no directions": {Dim: 64},
		"a short mean":  {Dim: 1, Mean: make([]float32, 3), Basis: make([]float32, descriptor.Size)},
		"too many":      {Dim: 2 * descriptor.MaxDim, Mean: make([]float32, descriptor.Size), Basis: make([]float32, 2*descriptor.MaxDim*descriptor.Size)},
	} {
		if space.Check() == nil {
			t.Errorf("%s: Check() = nil, want an error", name)
		}
	}
}

func BenchmarkDescribe(b *testing.B) {
	d := descriptor.New(false)
	img := descriptortest.Recompress(descriptortest.Picture(1), 80)
	out := make([]float32, descriptor.Size)
	for b.Loop() {
		d.Describe(img, out)
	}
}

// TestOnePictureManyTimesIsAlike learns a space from 70 copies of one picture:
// what they share must not count as nothing.
func TestOnePictureManyTimesIsAlike(t *testing.T) {
	t.Parallel()
	d := descriptor.New(false)
	img := descriptortest.Picture(4)
	var raw []float32
	for quality := 30; quality < 100; quality++ {
		raw = append(raw, describe(d, descriptortest.Recompress(img, quality))...)
	}
	space, err := d.Fit(t.Context(), raw)
	if err != nil {
		t.Fatal(err)
	}
	rows := project(d, space, raw, descriptor.Upright)
	matches, err := descriptor.NearestOthers(t.Context(), rows, []descriptor.Rows{rows}, rows.Len())
	if err != nil {
		t.Fatal(err)
	}
	for i, of := range matches {
		if worst := of[len(of)-1]; worst.Score < 0.9 {
			t.Errorf("copies %d and %d have a cosine of %v, want at least 0.9", i, worst.Index, worst.Score)
		}
	}
}
