package builtin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"runtime"
	"sync/atomic"

	"granary/internal/platform/fault"
	"granary/internal/vision/engine"
)

// The names of the models that the engine can open, as pipeline files give them.
const (
	DetectorName   = "granary-detector"
	ClassifierName = "granary-classifier"
)

// Unidentified is the label of an object that was found and not named.
const Unidentified = "Unidentified"

// Source supplies the classifier in use. Active is asked for each crop and
// must be cheap and safe for concurrent use; nil without an error means that
// none has been trained.
type Source interface {
	Active(ctx context.Context) (*Classifier, error)
}

// Slot is a Source that holds one classifier and swaps it atomically, so that
// a new version serves the next crop without a restart. The zero value is
// empty and ready.
type Slot struct{ active atomic.Pointer[Classifier] }

var _ Source = (*Slot)(nil)

// Active returns the classifier that was swapped in last, or nil.
func (s *Slot) Active(context.Context) (*Classifier, error) { return s.active.Load(), nil }

// Swap puts c in use and returns what was; nil empties the slot.
func (s *Slot) Swap(c *Classifier) *Classifier { return s.active.Swap(c) }

// Engine opens the two built-in models.
type Engine struct {
	source Source
	// slots bounds pictures and crops in work at once over all models opened
	// here: the work is pure computing and more at once only costs memory.
	slots chan struct{}
}

var _ engine.Engine = (*Engine)(nil)

// New returns an engine whose classifiers ask source which version is in use.
func New(source Source) *Engine {
	return &Engine{source: source, slots: make(chan struct{}, runtime.GOMAXPROCS(0))}
}

// Open returns the detector or the classifier, chosen by spec.Name. Errors:
// fault.Invalid for another name or options that the model does not know.
func (e *Engine) Open(_ context.Context, spec engine.Spec) (engine.Model, error) {
	switch spec.Name {
	case DetectorName:
		options := DetectorOptions{}
		if err := decodeOptions(spec.Options, &options); err != nil {
			return nil, err
		}
		if options.MinScore < 0 || options.MinScore >= 1 || options.MinSide < 0 {
			return nil, fault.New(fault.Invalid, "options of %s: min_score must be in 0..1 and min_side not negative", spec.Name)
		}
		return &detector{options: options, slots: e.slots}, nil
	case ClassifierName:
		options := ClassifierOptions{Top: defaultTop}
		if err := decodeOptions(spec.Options, &options); err != nil {
			return nil, err
		}
		if options.Top < 1 {
			return nil, fault.New(fault.Invalid, "options of %s: top must be at least 1", spec.Name)
		}
		return &classifier{options: options, slots: e.slots, source: e.source}, nil
	}
	return nil, fault.New(fault.Invalid, "the builtin engine has no model %q; it has %s and %s", spec.Name, DetectorName, ClassifierName)
}

// decodeOptions reads the options of a pipeline file strictly: a misspelt
// option is an error, not a default.
func decodeOptions(raw json.RawMessage, into any) error {
	if len(raw) == 0 || bytes.Equal(bytes.TrimSpace(raw), []byte("null")) {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fault.New(fault.Invalid, "options: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fault.New(fault.Invalid, "options: more than one JSON value")
	}
	return nil
}

// enter waits for a slot.
func enter(ctx context.Context, slots chan struct{}) error {
	select {
	case slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
