package builtin_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"image"
	"image/png"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"granary/internal/platform/fault"
	"granary/internal/platform/raster"
	"granary/internal/vision/engine"
	"granary/internal/vision/engine/builtin"
	"granary/internal/vision/synth"
)

func picture(t testing.TB, img image.Image) *raster.Picture {
	t.Helper()
	var file bytes.Buffer
	if err := png.Encode(&file, img); err != nil {
		t.Fatal(err)
	}
	p, err := raster.Gate{}.Open(file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func openModel(t testing.TB, e *builtin.Engine, name, options string) engine.Model {
	t.Helper()
	m, err := e.Open(t.Context(), engine.Spec{Name: name, Options: json.RawMessage(options)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Errorf("Close() error = %v", err)
		}
	})
	return m
}

func TestOpenChecksTheSpec(t *testing.T) {
	t.Parallel()
	e := builtin.New(new(builtin.Slot))
	for name, spec := range map[string]engine.Spec{
		"unknown model":   {Name: "granary-oracle"},
		"unknown option":  {Name: builtin.DetectorName, Options: json.RawMessage(`{"min_scare":0.5}`)},
		"option's type":   {Name: builtin.ClassifierName, Options: json.RawMessage(`{"top":"5"}`)},
		"no guesses":      {Name: builtin.ClassifierName, Options: json.RawMessage(`{"top":0}`)},
		"score above 1":   {Name: builtin.DetectorName, Options: json.RawMessage(`{"min_score":2}`)},
		"trailing data":   {Name: builtin.DetectorName, Options: json.RawMessage(`{} {}`)},
		"options a list":  {Name: builtin.DetectorName, Options: json.RawMessage(`[]`)},
		"negative length": {Name: builtin.DetectorName, Options: json.RawMessage(`{"min_side":-1}`)},
	} {
		if _, err := e.Open(t.Context(), spec); !fault.Is(err, fault.Invalid) {
			t.Errorf("Open(%s) error = %v, want kind %v", name, err, fault.Invalid)
		}
	}
	for _, options := range []string{"", "null", "{}"} {
		openModel(t, e, builtin.DetectorName, options)
		openModel(t, e, builtin.ClassifierName, options)
	}
}

func TestDetectAnswersFractions(t *testing.T) {
	t.Parallel()
	e := builtin.New(new(builtin.Slot))
	scene := synth.Render(synth.Scene{Width: 800, Height: 400, Count: 5, Scale: 12, Seed: 6})
	p := picture(t, scene.Image)
	found, err := openModel(t, e, builtin.DetectorName, "").Detect(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != len(scene.Truth) {
		t.Fatalf("Detect() = %d objects, want %d", len(found), len(scene.Truth))
	}
	for _, d := range found {
		box := image.Rect(int(d.Box.TopX*800), int(d.Box.TopY*400), int(d.Box.BottomX*800+0.999), int(d.Box.BottomY*400+0.999))
		if named(scene.Truth, box) == "" || d.Label != builtin.Unidentified || d.Score <= 0 || d.Score > 1 || d.Guesses != nil {
			t.Errorf("Detect() has %+v, want a true box labelled %s with a score in 0..1", d, builtin.Unidentified)
		}
	}
	// Options narrow the answer.
	for _, options := range []string{`{"min_score":0.999999}`, `{"min_side":500}`} {
		none, err := openModel(t, e, builtin.DetectorName, options).Detect(t.Context(), p)
		if err != nil || len(none) != 0 {
			t.Errorf("Detect() with %s = %d objects, %v, want none", options, len(none), err)
		}
	}
	if _, err := openModel(t, e, builtin.DetectorName, "").Classify(t.Context(), p); !fault.Is(err, fault.Invalid) {
		t.Errorf("detector's Classify() error = %v, want kind %v", err, fault.Invalid)
	}
}

func TestClassifierFollowsItsSource(t *testing.T) {
	t.Parallel()
	train, _ := shared(t)
	c, _, err := builtin.Train(t.Context(), train, builtin.Options{})
	if err != nil {
		t.Fatal(err)
	}
	slot := new(builtin.Slot)
	m := openModel(t, builtin.New(slot), builtin.ClassifierName, `{"top":3}`)
	scene := synth.Render(synth.Scene{Width: 200, Height: 200, Count: 1, Scale: 16, Species: synth.Pick("Carduus nutans"), Seed: 77})
	whole := picture(t, scene.Image)
	crop, err := whole.Crop(scene.Truth[0].Rect())
	if err != nil {
		t.Fatal(err)
	}
	guesses, err := m.Classify(t.Context(), crop)
	if err != nil || len(guesses) != 0 {
		t.Fatalf("Classify() without a version = %v, %v, want no guesses", guesses, err)
	}
	if before := slot.Swap(c); before != nil {
		t.Errorf("Swap() = %v, want nil before the first version", before)
	}
	guesses, err = m.Classify(t.Context(), crop)
	if err != nil || len(guesses) != 3 || guesses[0].Label != "Carduus nutans" {
		t.Errorf("Classify() = %v, %v, want three guesses led by Carduus nutans", guesses, err)
	}
	// The crop that a pipeline sends and the box that a verification names are
	// measured alike.
	features, err := builtin.Extract(whole, scene.Truth[0].Rect())
	if err != nil {
		t.Fatal(err)
	}
	direct, err := c.Classify(features)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(direct[:3], guesses); diff != "" {
		t.Errorf("Classify(crop) differs from Extract(picture, box) (-extract +crop):\n%s", diff)
	}
	if _, err := m.Detect(t.Context(), crop); !fault.Is(err, fault.Invalid) {
		t.Errorf("classifier's Detect() error = %v, want kind %v", err, fault.Invalid)
	}
	if slot.Swap(nil) != c {
		t.Error("Swap(nil) did not return the version in use")
	}
}

type failing struct{ err error }

func (f failing) Active(context.Context) (*builtin.Classifier, error) { return nil, f.err }

func TestClassifyReportsItsSource(t *testing.T) {
	t.Parallel()
	want := errors.New("store is gone")
	m := openModel(t, builtin.New(failing{want}), builtin.ClassifierName, "")
	if _, err := m.Classify(t.Context(), picture(t, image.NewGray(image.Rect(0, 0, 9, 9)))); !errors.Is(err, want) {
		t.Errorf("Classify() error = %v, want %v", err, want)
	}
}

func TestModelsStopWithTheirContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m := openModel(t, builtin.New(new(builtin.Slot)), builtin.DetectorName, "")
	if _, err := m.Detect(ctx, picture(t, image.NewGray(image.Rect(0, 0, 900, 900)))); !errors.Is(err, context.Canceled) {
		t.Errorf("Detect(cancelled) error = %v, want %v", err, context.Canceled)
	}
}

func TestExtractClipsTheBox(t *testing.T) {
	t.Parallel()
	p := picture(t, synth.Render(synth.Scene{Width: 300, Height: 300, Count: 1, Scale: 20, Seed: 2}).Image)
	inside, err := builtin.Extract(p, image.Rect(0, 0, 300, 300))
	if err != nil {
		t.Fatal(err)
	}
	outside, err := builtin.Extract(p, image.Rect(-50, -9, 400, 900))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(inside, outside); diff != "" {
		t.Errorf("Extract() of a box reaching outside differs (-inside +outside):\n%s", diff)
	}
	for _, box := range []image.Rectangle{{}, image.Rect(10, 10, 10, 50), image.Rect(300, 0, 400, 100), image.Rect(-5, -5, 0, 0)} {
		if _, err := builtin.Extract(p, box); !fault.Is(err, fault.Invalid) {
			t.Errorf("Extract(%v) error = %v, want kind %v", box, err, fault.Invalid)
		}
	}
}

// TestSwapWhileServing swaps versions under load: each answer is wholly of one
// version.
func TestSwapWhileServing(t *testing.T) {
	t.Parallel()
	train, _ := shared(t)
	var versions []*builtin.Classifier
	for _, part := range [][]builtin.Example{train[:60], train} {
		c, _, err := builtin.Train(t.Context(), part, builtin.Options{MaxPerLabel: 4})
		if err != nil {
			t.Fatal(err)
		}
		versions = append(versions, c)
	}
	slot := new(builtin.Slot)
	slot.Swap(versions[0])
	m := openModel(t, builtin.New(slot), builtin.ClassifierName, `{"top":100}`)
	scene := synth.Render(synth.Scene{Width: 120, Height: 120, Count: 1, Scale: 12, Seed: 3})
	crop := picture(t, scene.Image)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 20 {
				guesses, err := m.Classify(t.Context(), crop)
				if err != nil || len(guesses) != len(versions[0].Labels()) && len(guesses) != len(versions[1].Labels()) {
					t.Errorf("Classify() while swapping = %d guesses, %v", len(guesses), err)
				}
			}
		})
	}
	for i := range 200 {
		slot.Swap(versions[i%2])
	}
	group.Wait()
}
