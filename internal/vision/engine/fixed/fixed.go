// Package fixed is an engine whose models answer one fixed box, for trying a
// front end without any model. A deployment opens it only in test mode
// (nachet specification, section 3.14).
package fixed

import (
	"context"

	"granary/internal/platform/raster"
	"granary/internal/vision/engine"
)

// Name is what pipelines call the engine.
const Name = "fixed"

// Engine opens models with the fixed answer.
type Engine struct{}

var _ engine.Engine = Engine{}

// Open returns the model; any spec will do.
func (Engine) Open(context.Context, engine.Spec) (engine.Model, error) { return model{}, nil }

type model struct{}

// Detect answers the one box, whatever the picture.
func (model) Detect(context.Context, *raster.Picture) ([]engine.Detection, error) {
	guesses := answer()
	return []engine.Detection{{
		Box:   engine.Box{TopX: 0.078, TopY: 0.068, BottomX: 0.86, BottomY: 0.56},
		Label: guesses[0].Label, Score: guesses[0].Score, Guesses: guesses,
	}}, nil
}

// Classify answers the one label, whatever the crop.
func (model) Classify(context.Context, *raster.Picture) ([]engine.Guess, error) { return answer(), nil }

// Close does nothing.
func (model) Close() error { return nil }

func answer() []engine.Guess { return []engine.Guess{{Label: "Ambrosia artemisiifolia", Score: 1}} }
