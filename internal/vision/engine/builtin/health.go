package builtin

import (
	"context"

	"granary/internal/vision/engine"
)

var (
	_ engine.Healther = (*detector)(nil)
	_ engine.Healther = (*classifier)(nil)
)

// Health is always ready: the detector is code.
func (*detector) Health(context.Context) engine.Health {
	return engine.Health{State: engine.Ready, Reason: engine.InProcess}
}

// Health tells whether a version is in use and can be loaded.
func (m *classifier) Health(ctx context.Context) engine.Health {
	active, err := m.source.Active(ctx)
	switch {
	case err != nil:
		return engine.Health{State: engine.Unreachable, Reason: engine.Unopened}
	case active == nil:
		return engine.Health{State: engine.Ready, Reason: engine.Untrained}
	}
	return engine.Health{State: engine.Ready, Reason: engine.InProcess}
}
