package builtin_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"granary/internal/platform/fault"
	"granary/internal/vision/engine/builtin"
	"granary/internal/vision/engine/builtin/feature"
	"granary/internal/vision/synth"
)

func TestTrainNamesSpeciesItHasNotSeen(t *testing.T) {
	t.Parallel()
	train, fresh := shared(t)
	steps := 0
	c, report, err := builtin.Train(t.Context(), train, builtin.Options{Progress: func(done, all int) {
		if done < steps || done > all {
			t.Errorf("Progress(%d, %d) after %d", done, all, steps)
		}
		steps = done
	}})
	if err != nil {
		t.Fatal(err)
	}
	right, score := accuracy(t, c, fresh)
	t.Logf("15 species, 20 examples each: cross-validated accuracy %.3f macro F1 %.3f log loss %.3f calibration error %.3f temperature %.2f by %s; on new scenes accuracy %.3f mean score %.3f",
		report.Accuracy, report.MacroF1, report.LogLoss, report.CalibrationError, report.Temperature, report.Model, right, score)
	for _, candidate := range report.Candidates {
		t.Logf("%+v", candidate)
	}
	if right < 0.95 {
		t.Errorf("accuracy on new scenes = %.3f, want 0.95", right)
	}
	if report.Accuracy < 0.95 || report.MacroF1 < 0.95 {
		t.Errorf("cross-validated accuracy = %.3f, macro F1 = %.3f, want 0.95", report.Accuracy, report.MacroF1)
	}
	if report.CalibrationError > 0.1 {
		t.Errorf("calibration error = %.3f, want at most 0.1", report.CalibrationError)
	}
	if math.Abs(right-score) > 0.1 {
		t.Errorf("mean score on new scenes = %.3f, want within 0.1 of the accuracy %.3f", score, right)
	}
	if c.Examples() != len(train) || len(c.Labels()) != 15 || report.Scored != len(train) {
		t.Errorf("trained on %d examples of %d labels, %d scored, want %d, 15 and %[4]d", c.Examples(), len(c.Labels()), report.Scored, len(train))
	}
	if steps == 0 {
		t.Error("Progress was never called")
	}
}

func TestTrainDoesNotDependOnOrder(t *testing.T) {
	t.Parallel()
	train, _ := shared(t)
	train = slices.Clone(train[:120])
	_, want, err := builtin.Train(t.Context(), train, builtin.Options{Seed: 4})
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := builtin.Train(t.Context(), train, builtin.Options{Seed: 4})
	slices.Reverse(train)
	second, got, err := builtin.Train(t.Context(), train, builtin.Options{Seed: 4})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("report of reversed examples differs (-want +got):\n%s", diff)
	}
	a, _ := first.MarshalBinary()
	b, _ := second.MarshalBinary()
	if !slices.Equal(a, b) {
		t.Error("classifier of reversed examples differs")
	}
}

// TestStrangersScoreLower leaves one species out of the training.
func TestStrangersScoreLower(t *testing.T) {
	t.Parallel()
	train, fresh := shared(t)
	for _, stranger := range []string{"Ambrosia trifida", "Lolium temulentum", "Solanum carolinense"} {
		other := func(e builtin.Example) bool { return e.Label != stranger }
		known := slices.DeleteFunc(slices.Clone(train), func(e builtin.Example) bool { return !other(e) })
		c, _, err := builtin.Train(t.Context(), known, builtin.Options{})
		if err != nil {
			t.Fatal(err)
		}
		_, familiar := accuracy(t, c, slices.DeleteFunc(slices.Clone(fresh), func(e builtin.Example) bool { return !other(e) }))
		_, strange := accuracy(t, c, slices.DeleteFunc(slices.Clone(fresh), other))
		t.Logf("%s: mean score of known species %.3f, of the unknown one %.3f", stranger, familiar, strange)
		if strange > 0.6*familiar {
			t.Errorf("mean score of unknown %s = %.3f, want at most 0.6 of the known ones' %.3f", stranger, strange, familiar)
		}
	}
}

func TestTrainWithFewExamples(t *testing.T) {
	t.Parallel()
	train, _ := shared(t)
	pick := func(label string, n int) (out []builtin.Example) {
		for _, e := range train {
			if e.Label == label && len(out) < n {
				out = append(out, e)
			}
		}
		return out
	}
	two := slices.Concat(pick("Brassica napus", 2), pick("Lolium temulentum", 3), pick("Solanum nigrum", 1))
	c, report, err := builtin.Train(t.Context(), two, builtin.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Brassica napus", "Lolium temulentum", "Solanum nigrum"}, c.Labels()); diff != "" {
		t.Errorf("Labels() (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int{2, 3, 0}, report.Support); diff != "" {
		t.Errorf("Support (-want +got):\n%s", diff)
	}
	if right, _ := accuracy(t, c, two); right < 1 {
		t.Errorf("accuracy on its own six examples = %.2f, want 1", right)
	}
	bad := slices.Clone(two)
	bad[0].Features = slices.Clone(bad[0].Features)
	bad[0].Features[4] = math.NaN()
	for name, examples := range map[string][]builtin.Example{
		"none":             nil,
		"one label":        pick("Brassica napus", 5),
		"no pair of pairs": slices.Concat(pick("Brassica napus", 5), pick("Solanum nigrum", 1)),
		"no label":         append(slices.Clone(two), builtin.Example{ID: "x", Features: two[0].Features}),
		"short features":   append(slices.Clone(two), builtin.Example{ID: "x", Label: "x", Features: []float64{1}}),
		"twice the same":   append(slices.Clone(two), two[0]),
		"no number":        bad,
	} {
		if _, _, err := builtin.Train(t.Context(), examples, builtin.Options{}); !fault.Is(err, fault.Invalid) {
			t.Errorf("Train(%s) error = %v, want kind %v", name, err, fault.Invalid)
		}
	}
}

func TestTrainStopsWithItsContext(t *testing.T) {
	t.Parallel()
	train, _ := shared(t)
	ctx, cancel := context.WithCancel(t.Context())
	_, _, err := builtin.Train(ctx, train, builtin.Options{Progress: func(int, int) { cancel() }})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Train(cancelled) error = %v, want %v", err, context.Canceled)
	}
}

func TestTrainThinsLargeLabels(t *testing.T) {
	t.Parallel()
	train, _ := shared(t)
	c, report, err := builtin.Train(t.Context(), train, builtin.Options{MaxPerLabel: 4, Folds: 2})
	if err != nil {
		t.Fatal(err)
	}
	if c.Examples() != 60 || report.Examples != 60 || len(report.FoldAccuracy) != 2 {
		t.Errorf("trained on %d examples in %d folds, want 60 in 2", c.Examples(), len(report.FoldAccuracy))
	}
}

// TestGroupsAreHeldOutTogether gives each picture a mark that says what it
// shows. Whoever may look at other boxes of a picture names it right; an honest
// report must not.
func TestGroupsAreHeldOutTogether(t *testing.T) {
	t.Parallel()
	examples := func(group func(picture int) string) []builtin.Example {
		var all []builtin.Example
		for picture := range 12 {
			for box := range 5 {
				x := make([]float64, builtin.FeatureCount)
				x[0] = float64(picture)
				all = append(all, builtin.Example{
					ID: fmt.Sprintf("%d-%d", picture, box), Features: x,
					Label: []string{"a", "b"}[picture%2], Group: group(picture),
				})
			}
		}
		return all
	}
	accuracy := func(all []builtin.Example, wantGrouped bool) float64 {
		t.Helper()
		c, report, err := builtin.Train(t.Context(), all, builtin.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if report.Grouped != wantGrouped || report.Scored != len(all) {
			t.Errorf("report is grouped: %t, of %d scored, want %t, %d", report.Grouped, report.Scored, wantGrouped, len(all))
		}
		inUse, err := builtin.Evaluate(t.Context(), c, all, builtin.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(report.Confusion, inUse.Confusion); diff != "" {
			t.Errorf("Evaluate() of the same examples (-train +evaluate):\n%s", diff)
		}
		return report.Accuracy
	}
	alone := accuracy(examples(func(int) string { return "" }), false)
	honest := accuracy(examples(func(picture int) string { return fmt.Sprint("picture ", picture) }), true)
	if alone != 1 || honest > 0.7 {
		t.Errorf("accuracy = %.2f box by box and %.2f picture by picture, want 1 and a guess", alone, honest)
	}
	// Each label is in one picture: there is nothing to hold out but boxes.
	accuracy(examples(func(picture int) string { return fmt.Sprint("picture ", picture%2) }), false)
}

// TestEvaluateComparesFairly trains a first version on some species and a
// second on more; judged on all, the second must win, and judged on what both
// know, neither gains from having seen the examples.
func TestEvaluateComparesFairly(t *testing.T) {
	t.Parallel()
	train, fresh := shared(t)
	var some []builtin.Example
	for _, e := range train {
		if e.Label < "Bz" {
			some = append(some, e)
		}
	}
	old, oldReport, err := builtin.Train(t.Context(), some, builtin.Options{})
	if err != nil {
		t.Fatal(err)
	}
	same, err := builtin.Evaluate(t.Context(), old, some, builtin.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(oldReport.Confusion, same.Confusion); diff != "" {
		t.Errorf("Evaluate() over the examples it was trained on differs from its own held-out folds (-train +evaluate):\n%s", diff)
	}
	_, newReport, err := builtin.Train(t.Context(), train, builtin.Options{})
	if err != nil {
		t.Fatal(err)
	}
	onAll, err := builtin.Evaluate(t.Context(), old, train, builtin.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("first version %.3f on its own, %.3f on all; second %.3f", oldReport.Accuracy, onAll.Accuracy, newReport.Accuracy)
	if !newReport.NotWorse(onAll) || onAll.NotWorse(newReport) {
		t.Errorf("NotWorse: new %.3f against old %.3f on all examples, want the new one better", newReport.Accuracy, onAll.Accuracy)
	}
	// Examples of labels that the old version does not know count as wrong.
	if onAll.Accuracy > float64(len(some))/float64(len(train)) {
		t.Errorf("old version's accuracy on all = %.3f, want at most the share of labels it knows", onAll.Accuracy)
	}
	// A version that knows labels which the examples no longer hold.
	onFew, err := builtin.Evaluate(t.Context(), old, slices.DeleteFunc(slices.Clone(fresh), func(e builtin.Example) bool { return e.Label > "Brassica z" }), builtin.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if onFew.Accuracy < 0.8 || !slices.Equal(onFew.Labels, old.Labels()) {
		t.Errorf("Evaluate() on fresh examples = %.3f over %v, want at least 0.8 over %v", onFew.Accuracy, onFew.Labels, old.Labels())
	}
}

func TestTrainSurvivesAnotherMagnification(t *testing.T) {
	t.Parallel()
	train, _ := shared(t)
	c, _, err := builtin.Train(t.Context(), train, builtin.Options{})
	if err != nil {
		t.Fatal(err)
	}
	zoomed := gather(t, synth.Catalogue(), 6, 9, 20)
	right, _ := accuracy(t, c, zoomed)
	t.Logf("accuracy at 1.25 times the magnification %.3f", right)
	if right < 0.85 {
		t.Errorf("accuracy at another magnification = %.3f, want 0.85", right)
	}
}

// TestClassifierBearsLooseBoxesAndJPEG names crops as people draw them, with up
// to a fifth of ground around or a twentieth cut off, and as a JPEG carries
// them.
func TestClassifierBearsLooseBoxesAndJPEG(t *testing.T) {
	t.Parallel()
	train, _ := shared(t)
	c, _, err := builtin.Train(t.Context(), train, builtin.Options{})
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(5, 6))
	var loose, compressed, all float64
	for seed := range uint64(4) {
		p := synth.Render(synth.Scene{Width: 1000, Height: 800, Count: 30, Noise: 2, Gradient: 0.15, Shadow: 0.15, Seed: 500 + seed})
		for _, truth := range p.Truth {
			w, h := truth.MaxX-truth.MinX, truth.MaxY-truth.MinY
			edge := func(side float64) int { return int(side * (0.2 - 0.25*rng.Float64())) }
			r := truth.Rect()
			box := image.Rect(r.Min.X-edge(w), r.Min.Y-edge(h), r.Max.X+edge(w), r.Max.Y+edge(h)).Intersect(p.Image.Rect)
			all++
			if best(t, c, p.Image.SubImage(box)) == truth.Species {
				loose++
			} else {
				t.Logf("loose box: %s named %s", truth.Species, best(t, c, p.Image.SubImage(box)))
			}
			var file bytes.Buffer
			if err := jpeg.Encode(&file, p.Image.SubImage(r), &jpeg.Options{Quality: 85}); err != nil {
				t.Fatal(err)
			}
			crop, err := jpeg.Decode(&file)
			if err != nil {
				t.Fatal(err)
			}
			if best(t, c, crop) == truth.Species {
				compressed++
			}
		}
	}
	t.Logf("accuracy over %g crops: loose boxes %.3f, JPEG %.3f", all, loose/all, compressed/all)
	if loose/all < 0.9 {
		t.Errorf("accuracy with loose boxes = %.3f, want 0.9", loose/all)
	}
	if compressed/all < 0.95 {
		t.Errorf("accuracy of JPEG crops = %.3f, want 0.95", compressed/all)
	}
}

func best(t testing.TB, c *builtin.Classifier, crop image.Image) string {
	t.Helper()
	guesses, err := c.Classify(feature.Extract(crop))
	if err != nil {
		t.Fatal(err)
	}
	return guesses[0].Label
}
