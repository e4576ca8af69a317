package builtin_test

import (
	"fmt"
	"image"
	"math"
	"sync"
	"testing"

	"granary/internal/vision/engine/builtin"
	"granary/internal/vision/engine/builtin/feature"
	"granary/internal/vision/engine/builtin/segment"
	"granary/internal/vision/synth"
)

// gather renders scenes until each species has count examples, cut out by the
// detector's own boxes as in real use.
func gather(t testing.TB, species []synth.Species, count int, seed uint64, scale float64) []builtin.Example {
	t.Helper()
	have := make(map[string]int)
	var out []builtin.Example
	for round := uint64(0); len(out) < count*len(species); round++ {
		if round > 60 {
			t.Fatalf("only %d examples after %d scenes", len(out), round)
		}
		p := synth.Render(synth.Scene{
			Width: 1000, Height: 800, Count: 3 * len(species), Species: species, Scale: scale,
			Noise: 2, Gradient: 0.15, Shadow: 0.15, Seed: seed*1000 + round,
		})
		objects, err := segment.Find(t.Context(), p.Image)
		if err != nil {
			t.Fatal(err)
		}
		for i, o := range objects {
			box := image.Rect(int(o.MinX), int(o.MinY), int(math.Ceil(o.MaxX)), int(math.Ceil(o.MaxY)))
			label := named(p.Truth, box)
			if label == "" || have[label] == count {
				continue
			}
			have[label]++
			out = append(out, builtin.Example{
				Features: feature.Extract(p.Image.SubImage(box)), Label: label,
				ID: fmt.Sprintf("box-%d-%d-%d", seed, round, i),
			})
		}
	}
	return out
}

// named returns the species whose box covers most of the given one.
func named(truth []synth.Truth, box image.Rectangle) string {
	for _, one := range truth {
		both := one.Rect().Intersect(box)
		union := one.Rect().Union(box)
		if both.Dx()*both.Dy()*2 > union.Dx()*union.Dy() {
			return one.Species
		}
	}
	return ""
}

// fixture gathers examples once for the tests that only read them.
type fixture struct {
	once         sync.Once
	train, fresh []builtin.Example
}

var examples fixture

// shared returns 20 examples of each species to train on and 20 from other
// scenes.
func shared(t testing.TB) (train, fresh []builtin.Example) {
	t.Helper()
	examples.once.Do(func() {
		examples.train = gather(t, synth.Catalogue(), 20, 1, 16)
		examples.fresh = gather(t, synth.Catalogue(), 20, 2, 16)
	})
	return examples.train, examples.fresh
}

func accuracy(t testing.TB, c *builtin.Classifier, examples []builtin.Example) (right, score float64) {
	t.Helper()
	for _, e := range examples {
		guesses, err := c.Classify(e.Features)
		if err != nil {
			t.Fatal(err)
		}
		if guesses[0].Label == e.Label {
			right++
		}
		score += guesses[0].Score
	}
	n := float64(len(examples))
	return right / n, score / n
}
