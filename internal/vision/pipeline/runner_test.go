package pipeline

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"image/png"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"granary/internal/platform/fault"
	"granary/internal/platform/raster"
	"granary/internal/vision/engine"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// scripted is an engine whose models answer what the test wants.
type scripted struct {
	detect   func(context.Context) ([]engine.Detection, error)
	classify map[string]func(context.Context, *raster.Picture) ([]engine.Guess, error)
	closed   atomic.Int32
	openErr  error
}

type scriptedModel struct {
	*scripted
	name string
}

func (e *scripted) Open(_ context.Context, spec engine.Spec) (engine.Model, error) {
	if e.openErr != nil && spec.Name != "detector" {
		return nil, e.openErr
	}
	return scriptedModel{e, spec.Name}, nil
}

func (m scriptedModel) Detect(ctx context.Context, _ *raster.Picture) ([]engine.Detection, error) {
	return m.detect(ctx)
}

func (m scriptedModel) Classify(ctx context.Context, crop *raster.Picture) ([]engine.Guess, error) {
	return m.scripted.classify[m.name](ctx, crop)
}

func (m scriptedModel) Close() error { m.closed.Add(1); return nil }

// redCorner is a 100x50 picture whose left half is red.
func redCorner(t *testing.T) *raster.Picture {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 100, 50))
	for y := range 50 {
		for x := range 100 {
			c := color.RGBA{A: 255}
			if x < 50 {
				c.R = 255
			}
			img.SetRGBA(x, y, c)
		}
	}
	var out bytes.Buffer
	if err := png.Encode(&out, img); err != nil {
		t.Fatal(err)
	}
	p, err := raster.Gate{}.Open(out.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func definition(steps ...Step) Definition {
	return Definition{Name: "p", Models: []Model{
		{Name: "detector", Version: "1", Engine: "s"}, {Name: "a", Version: "2", Engine: "s"}, {Name: "b", Version: "3", Engine: "s"},
	}, Steps: steps}
}

func twoBoxes(context.Context) ([]engine.Detection, error) {
	return []engine.Detection{
		{Box: engine.Box{TopX: .1, TopY: .1, BottomX: .4, BottomY: .5}, Label: "seed", Score: .9},
		{Box: engine.Box{TopX: .6, TopY: .1, BottomX: .9, BottomY: .5}, Label: "seed", Score: .8},
	}, nil
}

func open(t *testing.T, d Definition, e *scripted) *Runner {
	t.Helper()
	r, err := Open(t.Context(), d, map[string]engine.Engine{"s": e})
	if err != nil {
		t.Fatalf("Open() = %v, want a runner", err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Errorf("Close() = %v, want nil", err)
		}
	})
	return r
}

// byColor names a crop by its first pixel.
func byColor(_ context.Context, crop *raster.Picture) ([]engine.Guess, error) {
	img, err := crop.Image()
	if err != nil {
		return nil, err
	}
	if r, _, _, _ := img.At(0, 0).RGBA(); r > 0 {
		return []engine.Guess{{Label: "013 Red", Score: .7}, {Label: "7 Black", Score: .3}}, nil
	}
	return []engine.Guess{{Label: "7 Black", Score: .6}}, nil
}

func labels(r *Result) (out []string) {
	for _, b := range r.Boxes {
		out = append(out, b.Label)
	}
	return out
}

func TestRunSteps(t *testing.T) {
	t.Parallel()
	second := func(context.Context, *raster.Picture) ([]engine.Guess, error) {
		return []engine.Guess{{Label: "Crimson", Score: .5}}, nil
	}
	none := func(context.Context, *raster.Picture) ([]engine.Guess, error) { return nil, nil }
	for _, tc := range []struct {
		name  string
		steps []Step
		a, b  func(context.Context, *raster.Picture) ([]engine.Guess, error)
		want  []string
	}{
		{"detector alone", []Step{{Kind: StepDetect, Model: "detector"}}, nil, nil, []string{"seed", "seed"}},
		{"classifier", []Step{{Kind: StepDetect, Model: "detector"}, {Kind: StepCrop}, {Kind: StepClassify, Model: "a", DropNumber: true}}, byColor, nil, []string{"Red", "Black"}},
		{"ensemble on a condition", []Step{
			{Kind: StepDetect, Model: "detector"},
			{Kind: StepCrop},
			{Kind: StepClassify, Model: "a"},
			{Kind: StepEnsemble, Model: "b", Labels: []string{"013 Red"}},
		}, byColor, second, []string{"Crimson", "7 Black"}},
		{"no guess keeps the detection", []Step{{Kind: StepDetect, Model: "detector"}, {Kind: StepCrop}, {Kind: StepClassify, Model: "a"}}, none, nil, []string{"seed", "seed"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			e := &scripted{detect: twoBoxes, classify: map[string]func(context.Context, *raster.Picture) ([]engine.Guess, error){"a": tc.a, "b": tc.b}}
			got, err := open(t, definition(tc.steps...), e).Run(t.Context(), redCorner(t), Options{Width: 200, Height: 100})
			if err != nil {
				t.Fatalf("Run() = %v, want a result", err)
			}
			if diff := cmp.Diff(tc.want, labels(got)); diff != "" {
				t.Errorf("Run() labels (-want +got):\n%s", diff)
			}
			if got.Boxes[0].Pixels != (Rect{20, 10, 80, 50}) {
				t.Errorf("Run() box = %v, want {20 10 80 50}", got.Boxes[0].Pixels)
			}
			for _, b := range got.Boxes {
				if len(b.Guesses) == 0 || b.Guesses[0] != (engine.Guess{Label: b.Label, Score: b.Score}) {
					t.Errorf("Run() guesses = %v, want %s %g first", b.Guesses, b.Label, b.Score)
				}
			}
			if diff := cmp.Diff([]ModelRef{{"detector", "1"}, {"a", "2"}, {"b", "3"}}, got.Models); diff != "" {
				t.Errorf("Run() models (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRunOfNothing(t *testing.T) {
	t.Parallel()
	e := &scripted{detect: func(context.Context) ([]engine.Detection, error) { return nil, nil }}
	got, err := open(t, definition(Step{Kind: StepDetect, Model: "detector"}), e).Run(t.Context(), redCorner(t), Options{Width: 9, Height: 9})
	if err != nil || got.Boxes == nil || len(got.Boxes) != 0 {
		t.Errorf("Run() = %v, %v, want an empty list of boxes", got, err)
	}
}

func TestRunErrorsNameTheirStage(t *testing.T) {
	t.Parallel()
	down := fault.New(fault.Unavailable, "down")
	all := []Step{{Kind: StepDetect, Model: "detector"}, {Kind: StepCrop}, {Kind: StepClassify, Model: "a"}}
	good := Options{Width: 100, Height: 50}
	detections := func(boxes ...engine.Box) func(context.Context) ([]engine.Detection, error) {
		return func(context.Context) (out []engine.Detection, _ error) {
			for _, b := range boxes {
				out = append(out, engine.Detection{Box: b})
			}
			return out, nil
		}
	}
	for _, tc := range []struct {
		name    string
		picture *raster.Picture
		opts    Options
		detect  func(context.Context) ([]engine.Detection, error)
		stage   Stage
		kind    fault.Kind
	}{
		{"empty picture", &raster.Picture{}, good, twoBoxes, StageInput, fault.Invalid},
		{"no picture", nil, good, twoBoxes, StageInput, fault.Invalid},
		{"dimensions", redCorner(t), Options{}, twoBoxes, StagePostProcess, fault.Invalid},
		{"color format", redCorner(t), Options{Width: 9, Height: 9, ColorFormat: "x"}, twoBoxes, StagePostProcess, fault.Invalid},
		{"detector down", redCorner(t), good, func(context.Context) ([]engine.Detection, error) { return nil, down }, StageDetect, fault.Unavailable},
		{"inverted box", redCorner(t), good, detections(engine.Box{TopX: .5, BottomX: .1}), StageDetect, fault.Invalid},
		{"huge box", redCorner(t), good, detections(engine.Box{TopX: -1e300, BottomX: 1e300}), StageDetect, fault.TooLarge},
		{"too many", redCorner(t), good, detections(make([]engine.Box, maxFindings+1)...), StageDetect, fault.Invalid},
		{"classifier down", redCorner(t), good, twoBoxes, StageClassify, fault.Unavailable},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			e := &scripted{detect: tc.detect, classify: map[string]func(context.Context, *raster.Picture) ([]engine.Guess, error){
				"a": func(context.Context, *raster.Picture) ([]engine.Guess, error) { return nil, down },
			}}
			_, err := open(t, definition(all...), e).Run(t.Context(), tc.picture, tc.opts)
			var stage *StageError
			if !errors.As(err, &stage) || stage.Stage != tc.stage || !fault.Is(err, tc.kind) {
				t.Errorf("Run() = %v (%T, kind %v), want stage %s, kind %v", err, err, fault.Of(err), tc.stage, tc.kind)
			}
		})
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	var entered sync.WaitGroup
	entered.Add(1)
	var once sync.Once
	e := &scripted{detect: twoBoxes, classify: map[string]func(context.Context, *raster.Picture) ([]engine.Guess, error){
		"a": func(ctx context.Context, _ *raster.Picture) ([]engine.Guess, error) {
			once.Do(entered.Done)
			<-ctx.Done()
			return nil, ctx.Err()
		},
	}}
	r := open(t, definition(Step{Kind: StepDetect, Model: "detector"}, Step{Kind: StepCrop}, Step{Kind: StepClassify, Model: "a"}), e)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { entered.Wait(); cancel() }()
	if _, err := r.Run(ctx, redCorner(t), Options{Width: 100, Height: 50}); !errors.Is(err, context.Canceled) {
		t.Errorf("Run() = %v, want context.Canceled", err)
	}
}

func TestCloseWaitsForRuns(t *testing.T) {
	t.Parallel()
	started, release := make(chan struct{}), make(chan struct{})
	e := &scripted{detect: func(context.Context) ([]engine.Detection, error) {
		close(started)
		<-release
		return nil, nil
	}}
	r := open(t, definition(Step{Kind: StepDetect, Model: "detector"}), e)
	done, closed := make(chan error, 1), make(chan error, 1)
	picture := redCorner(t)
	go func() {
		_, err := r.Run(context.Background(), picture, Options{Width: 9, Height: 9})
		done <- err
	}()
	<-started
	go func() { closed <- r.Close() }()
	if n := e.closed.Load(); n != 0 {
		t.Errorf("%d models closed during a run, want 0", n)
	}
	close(release)
	if err := <-done; err != nil {
		t.Errorf("Run() = %v, want nil", err)
	}
	if err := <-closed; err != nil || e.closed.Load() != 3 {
		t.Errorf("Close() = %v with %d closed, want 3", err, e.closed.Load())
	}
	if _, err := r.Run(t.Context(), picture, Options{Width: 9, Height: 9}); !fault.Is(err, fault.Unavailable) {
		t.Errorf("Run() after Close() = %v, want kind unavailable", err)
	}
}

func TestOpenClosesWhatItOpened(t *testing.T) {
	t.Parallel()
	e := &scripted{openErr: fault.New(fault.Invalid, "no endpoint")}
	d := definition(Step{Kind: StepDetect, Model: "detector"})
	if _, err := Open(t.Context(), d, map[string]engine.Engine{"s": e}); !fault.Is(err, fault.Invalid) || e.closed.Load() != 1 {
		t.Errorf("Open() = %v with %d closed, want kind invalid and 1", err, e.closed.Load())
	}
	if _, err := Open(t.Context(), d, nil); !fault.Is(err, fault.Invalid) {
		t.Errorf("Open(no engines) = %v, want kind invalid", err)
	}
}
