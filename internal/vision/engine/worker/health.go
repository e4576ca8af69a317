package worker

import (
	"context"

	"github.com/sony/gobreaker/v2"

	"granary/internal/vision/engine"
)

var _ engine.Healther = (*model)(nil)

// Health tells how the last call went. It does not start the program: that may
// take minutes and a device that is in use.
func (m *model) Health(context.Context) engine.Health {
	switch {
	case m.breaker.State() == gobreaker.StateOpen:
		return engine.Health{State: engine.Unreachable, Reason: engine.LeftAlone}
	case m.healthy.Load():
		return engine.Health{State: engine.Ready, Reason: engine.Answered}
	}
	return engine.Health{State: engine.Unknown, Reason: engine.Untold}
}
