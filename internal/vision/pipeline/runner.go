package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"image"
	"math"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"granary/internal/platform/fault"
	"granary/internal/platform/raster"
	"granary/internal/vision/engine"
)

const (
	// maxFindings bounds what one detector may answer for one picture.
	maxFindings = 5000
	// defaultConcurrency is engine.Spec.Concurrency's default.
	defaultConcurrency = 8
)

// Runner is a pipeline with its models opened. It is safe for concurrent use.
type Runner struct {
	definition Definition
	models     map[string]engine.Model

	// mu is read-locked by every run, so that Close waits for them.
	mu     sync.RWMutex
	closed bool
}

// Open opens every model of a valid definition with the engine that it names.
// On an error, models that were opened are closed again. Errors: fault.Invalid
// for an unknown engine or a bad definition, otherwise those of the engine.
func Open(ctx context.Context, definition Definition, engines map[string]engine.Engine) (*Runner, error) {
	if err := definition.Validate(); err != nil {
		return nil, err
	}
	r := &Runner{definition: definition, models: map[string]engine.Model{}}
	for _, m := range definition.Models {
		e, ok := engines[m.Engine]
		if !ok {
			return nil, closeAfter(r, fault.New(fault.Invalid, "model %s names the unknown engine %q", m.Name, m.Engine))
		}
		opened, err := e.Open(ctx, m.Spec())
		if err != nil {
			return nil, closeAfter(r, fmt.Errorf("open model %s: %w", m.Name, err))
		}
		r.models[m.Name] = opened
	}
	return r, nil
}

func closeAfter(r *Runner, err error) error {
	if closeErr := r.Close(); closeErr != nil {
		return fmt.Errorf("%w (and close: %v)", err, closeErr) //nolint:errorlint // the first error decides the kind
	}
	return err
}

// Definition returns what the runner was opened with. It must not be changed.
func (r *Runner) Definition() Definition { return r.definition }

// Close waits for runs in flight and closes the models. Runs that start later
// are refused with fault.Unavailable. It may be called twice.
func (r *Runner) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil
	}
	r.closed = true
	var first error
	for name, m := range r.models {
		if err := m.Close(); err != nil && first == nil {
			first = fmt.Errorf("close model %s: %w", name, err)
		}
	}
	return first
}

// Run sends the picture through the steps and returns what was found; a
// picture without objects gives a result without boxes. It blocks until done
// or until ctx ends, which also ends calls to models. Every error is a
// *StageError.
func (r *Runner) Run(ctx context.Context, picture *raster.Picture, opts Options) (*Result, error) {
	if picture == nil || picture.Header.Width == 0 {
		return nil, emptyInput()
	}
	if last := r.definition.Steps[len(r.definition.Steps)-1]; opts.AreaRatio == nil {
		opts.AreaRatio = last.AreaRatio
	}
	// Before the models are asked: their time is not free.
	if _, err := opts.validate(); err != nil {
		return nil, &StageError{StagePostProcess, err}
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.closed {
		return nil, &StageError{StageDetect, fault.New(fault.Unavailable, "the pipeline was replaced, try again")}
	}
	if slices.ContainsFunc(r.definition.Steps, func(s Step) bool { return s.Kind == StepCrop }) {
		// Pixels are decoded while the detector is still at work elsewhere. An
		// error is kept by the picture and shows at the first crop.
		var decoding sync.WaitGroup
		decoding.Go(func() { _, _ = picture.Image() })
		defer decoding.Wait()
	}
	var findings []Finding
	for _, step := range r.definition.Steps {
		var err error
		switch step.Kind {
		case StepDetect:
			findings, err = r.detect(ctx, picture, step)
		case StepClassify, StepEnsemble:
			err = r.classify(ctx, picture, step, findings)
		case StepCrop, StepPostProcess:
			// Crops are made where they are used, so that only those in flight
			// are in memory; post-processing follows the last step.
		}
		if err != nil {
			return nil, err
		}
	}
	complete(findings)
	result, err := PostProcess(findings, opts)
	if err != nil {
		return nil, &StageError{StagePostProcess, err}
	}
	for _, m := range r.definition.Models {
		result.Models = append(result.Models, ModelRef{Name: m.Name, Version: m.Version})
	}
	return result, nil
}

func (r *Runner) detect(ctx context.Context, picture *raster.Picture, step Step) ([]Finding, error) {
	detections, err := r.models[step.Model].Detect(ctx, picture)
	if err != nil {
		return nil, &StageError{StageDetect, err}
	}
	if len(detections) > maxFindings {
		return nil, &StageError{StageDetect, fault.New(fault.Invalid, "model %s found more than %d objects", step.Model, maxFindings)}
	}
	findings := make([]Finding, len(detections))
	for i, d := range detections {
		if !finite(d.Box) || math.IsNaN(d.Score) || d.Box.BottomX < d.Box.TopX || d.Box.BottomY < d.Box.TopY {
			return nil, &StageError{StageDetect, fault.New(fault.Invalid, "model %s answered a box that is none", step.Model)}
		}
		findings[i] = Finding{Box: d.Box, Label: d.Label, Score: d.Score, Guesses: slices.Clone(d.Guesses)}
	}
	return findings, nil
}

// classify names the findings that the step applies to, several at a time. An
// empty answer means that the model does not know better: label and score of
// the detection stay.
func (r *Runner) classify(ctx context.Context, picture *raster.Picture, step Step, findings []Finding) error {
	model, _ := r.definition.Model(step.Model)
	group, calls := errgroup.WithContext(ctx)
	group.SetLimit(cmp.Or(model.Concurrency, defaultConcurrency))
	cutting := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i := range findings {
		f := &findings[i]
		if step.Kind == StepEnsemble && !slices.Contains(step.Labels, f.Label) {
			continue
		}
		if calls.Err() != nil {
			break
		}
		group.Go(func() error {
			crop, err := cut(calls, picture, f.Box, cutting)
			if err != nil {
				return &StageError{StageDetect, err}
			}
			guesses, err := r.models[step.Model].Classify(calls, crop)
			if err != nil {
				return &StageError{StageClassify, err}
			}
			if len(guesses) == 0 {
				return nil
			}
			if step.DropNumber {
				guesses = relabel(guesses)
			}
			f.Label, f.Score, f.Guesses = guesses[0].Label, guesses[0].Score, guesses
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil { // before every box had its turn
		return &StageError{StageClassify, err}
	}
	return nil
}

// cut crops the picture to a box in fractions. Corners are truncated toward
// zero as in the original; a box without area gets one pixel. Cutting costs
// processor time, unlike the call that follows, so few are made at once.
func cut(ctx context.Context, picture *raster.Picture, box engine.Box, slots chan struct{}) (*raster.Picture, error) {
	select {
	case slots <- struct{}{}:
		defer func() { <-slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	at := func(fraction float64, side int) int {
		// Far outside means far too large, which Crop refuses.
		return int(min(max(fraction*float64(side), -math.MaxInt32), math.MaxInt32))
	}
	w, h := picture.Header.Width, picture.Header.Height
	area := image.Rectangle{
		Min: image.Pt(at(box.TopX, w), at(box.TopY, h)),
		Max: image.Pt(at(box.BottomX, w), at(box.BottomY, h)),
	}
	area.Max.X, area.Max.Y = max(area.Max.X, area.Min.X+1), max(area.Max.Y, area.Min.Y+1)
	return picture.Crop(area)
}

// complete gives findings that no model has ranked candidates for their own
// label as the only one.
func complete(findings []Finding) {
	for i := range findings {
		if f := &findings[i]; len(f.Guesses) == 0 {
			f.Guesses = []engine.Guess{{Label: f.Label, Score: f.Score}}
		} else if f.Label == "" {
			f.Label, f.Score = f.Guesses[0].Label, f.Guesses[0].Score
		}
	}
}
