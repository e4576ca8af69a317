package pipeline

import (
	"context"

	"granary/internal/platform/fault"
	"granary/internal/vision/engine"
)

// Health asks one model of the pipeline how it is. It holds the runner open
// meanwhile, so ctx must end soon. Errors: fault.NotFound for a model that the
// pipeline does not have, fault.Unavailable after Close.
func (r *Runner) Health(ctx context.Context, model string) (engine.Health, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.closed {
		return engine.Health{}, fault.New(fault.Unavailable, "the pipeline was replaced, try again")
	}
	m, ok := r.models[model]
	if !ok {
		return engine.Health{}, fault.New(fault.NotFound, "the pipeline has no model %q", model)
	}
	if h, ok := m.(engine.Healther); ok {
		return h.Health(ctx), nil
	}
	return engine.Health{State: engine.Unknown, Reason: engine.Untold}, nil
}
