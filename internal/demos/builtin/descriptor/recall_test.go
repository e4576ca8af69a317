package descriptor_test

import (
	"testing"

	"granary/internal/demos/builtin/descriptor"
	"granary/internal/demos/builtin/descriptor/descriptortest"
	"granary/internal/demos/plane"
)

// allTurns are the transpositions that a task may ask for.
var allTurns = []plane.Turn{plane.None, plane.HFlip, plane.VFlip, plane.Rot90, plane.Rot180, plane.Rot270}

// TestCopiesFindTheirOriginals holds the global descriptor to a top-1 recall of
// 95 % over copies of 120 pictures that were turned, flipped, cropped, scaled,
// recompressed and recoloured.
func TestCopiesFindTheirOriginals(t *testing.T) {
	t.Parallel()
	const bases = 120
	d := descriptor.New(false)
	var originals, copies []float32
	kinds := descriptortest.Kinds()
	for seed := range uint64(bases) {
		img := descriptortest.Picture(seed)
		originals = append(originals, describe(d, img)...)
		for _, kind := range kinds {
			copies = append(copies, describe(d, descriptortest.Copy(img, seed, kind))...)
		}
	}
	relations, err := descriptor.Relations(allTurns)
	if err != nil {
		t.Fatal(err)
	}
	space, err := d.Fit(t.Context(), append(append([]float32{}, originals...), copies...))
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]*descriptor.Space{"whitened": space, "plain": descriptor.Plain()} {
		a := project(d, s, copies, descriptor.Upright)
		var b []descriptor.Rows
		for _, r := range relations {
			b = append(b, project(d, s, originals, r.Pose))
		}
		ofCopies, _, err := descriptor.Nearest(t.Context(), a, b, 5)
		if err != nil {
			t.Fatal(err)
		}
		var found int
		for k, kind := range kinds {
			var hits int
			var own, other float32
			for i := range bases {
				matches := ofCopies[i*len(kinds)+k]
				if int(matches[0].Index) == i {
					hits++
					own += matches[0].Score / bases
					other += matches[1].Score / bases
				}
			}
			t.Logf("%s, %s: %d of %d first, mean cosine %.2f against %.2f", name, kind, hits, bases, own, other)
			found += hits
		}
		if recall := float64(found) / float64(bases*len(kinds)); recall < 0.95 {
			t.Errorf("%s: top-1 recall = %.3f, want at least 0.95", name, recall)
		}
	}
}
