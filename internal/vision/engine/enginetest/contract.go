package enginetest

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"testing"

	"granary/internal/platform/raster"
	"granary/internal/vision/engine"
)

// Contract checks what every engine promises, with or without a network: calls
// at the same time get the same sensible answer, and a context that has ended
// is honoured. It does not close the model.
func Contract(t *testing.T, task engine.Task, model engine.Model, picture *raster.Picture) {
	t.Helper()
	call := func(ctx context.Context) (any, error) {
		if task == engine.Classification {
			guesses, err := model.Classify(ctx, picture)
			checkGuesses(t, guesses)
			return guesses, err
		}
		found, err := model.Detect(ctx, picture)
		for _, d := range found {
			if !(d.Box.TopX <= d.Box.BottomX && d.Box.TopY <= d.Box.BottomY && d.Box.TopX > -1 && d.Box.BottomX < 2 && d.Box.TopY > -1 && d.Box.BottomY < 2) {
				t.Errorf("Detect() = %+v, want fractions of the sides", d.Box)
			}
			checkGuesses(t, []engine.Guess{{Label: d.Label, Score: d.Score}})
			checkGuesses(t, d.Guesses)
		}
		return found, err
	}
	answers := make([]any, 4)
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() {
			var err error
			if answers[i], err = call(t.Context()); err != nil {
				t.Errorf("call %d = %v, want an answer", i, err)
			}
		})
	}
	wg.Wait()
	for i, answer := range answers {
		if !reflect.DeepEqual(answer, answers[0]) {
			t.Errorf("call %d = %v, want the same as call 0: %v", i, answer, answers[0])
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := call(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("call with an ended context = %v, want context.Canceled", err)
	}
}

// checkGuesses wants names, scores in 0..1 and the best first.
func checkGuesses(t *testing.T, guesses []engine.Guess) {
	t.Helper()
	best := 1.0
	for _, g := range guesses {
		if g.Label == "" || !(g.Score >= 0 && g.Score <= best) {
			t.Errorf("guesses = %+v, want names with scores in 0..1, best first", guesses)
			return
		}
		best = g.Score
	}
}
