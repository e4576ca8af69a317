package builtin

import (
	"cmp"
	"context"
	"slices"

	"granary/internal/platform/fault"
	"granary/internal/platform/raster"
	"granary/internal/vision/engine"
	"granary/internal/vision/engine/builtin/feature"
)

// recipe is a way to train: what cross-validation chooses between.
type recipe struct {
	// Penalty is the logistic regression's; 0 means nearest neighbours.
	Penalty float64 `json:"penalty,omitempty"`
	// Neighbours is k; 0 means logistic regression.
	Neighbours int `json:"neighbours,omitempty"`
}

// Classifier names objects by their features. It is immutable, safe for
// concurrent use, and made by Train or Load.
type Classifier struct {
	labels []string
	recipe recipe
	scaler scaler
	// One of the two, as the recipe says.
	logistic   *logistic
	neighbours *neighbours
	// temperature divides logits so that scores are frequencies (Guo et al. 2017).
	temperature float32
	familiar    familiar
	// trained are the hashes of the examples' ids, sorted.
	trained []uint64
}

// Labels returns the labels that the classifier knows, sorted.
func (c *Classifier) Labels() []string { return slices.Clone(c.labels) }

// Examples is how many examples it was trained on.
func (c *Classifier) Examples() int { return len(c.trained) }

// Classify scores every label, best first. Scores add up to at most 1: they are
// calibrated frequencies for objects like the training set's, lowered for an
// object that resembles none of them. Errors: fault.Invalid for features of
// another length or that are no numbers.
func (c *Classifier) Classify(features []float64) ([]engine.Guess, error) {
	if len(features) != feature.Count {
		return nil, fault.New(fault.Invalid, "%d features, want %d", len(features), feature.Count)
	}
	if err := checkFinite(features); err != nil {
		return nil, err
	}
	x := c.scaler.apply(features)
	p := c.logits(x)
	for k := range p {
		p[k] /= float64(c.temperature)
	}
	softmax(p)
	factor := c.familiar.factor(x, argmax(p))
	guesses := make([]engine.Guess, len(p))
	for k, v := range p {
		guesses[k] = engine.Guess{Label: c.labels[k], Score: v * factor}
	}
	slices.SortStableFunc(guesses, func(a, b engine.Guess) int { return cmp.Compare(b.Score, a.Score) })
	return guesses, nil
}

func (c *Classifier) logits(x []float64) []float64 {
	if c.neighbours != nil {
		return c.neighbours.logits(x)
	}
	return c.logistic.logits(x)
}

func argmax(v []float64) int {
	best := 0
	for i, x := range v {
		if x > v[best] {
			best = i
		}
	}
	return best
}

// defaultTop is how many guesses are answered, as the front end shows them.
const defaultTop = 5

// ClassifierOptions are the options of granary-classifier in a pipeline file.
type ClassifierOptions struct {
	// Top is how many guesses to answer. Defaults to 5.
	Top int `json:"top"`
}

// classifier is the opened granary-classifier.
type classifier struct {
	options ClassifierOptions
	slots   chan struct{}
	source  Source
}

var _ engine.Model = (*classifier)(nil)

// Classify names the object that a crop shows with the version in use at this
// moment. No guesses means that none is in use: the detection's own label and
// score stand.
func (m *classifier) Classify(ctx context.Context, crop *raster.Picture) ([]engine.Guess, error) {
	active, err := m.source.Active(ctx)
	if err != nil || active == nil {
		return nil, err
	}
	if err := enter(ctx, m.slots); err != nil {
		return nil, err
	}
	defer func() { <-m.slots }()
	pixels, err := crop.Image()
	if err != nil {
		return nil, err
	}
	guesses, err := active.Classify(feature.Extract(pixels))
	return guesses[:min(len(guesses), m.options.Top)], err
}

// Detect is not what a classifier does.
func (m *classifier) Detect(context.Context, *raster.Picture) ([]engine.Detection, error) {
	return nil, fault.New(fault.Invalid, "%s names objects and does not find them", ClassifierName)
}

// Close has nothing to release.
func (m *classifier) Close() error { return nil }
