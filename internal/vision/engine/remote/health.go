package remote

import (
	"context"
	"errors"
	"net/http"

	"github.com/sony/gobreaker/v2"

	"granary/internal/vision/engine"
)

// Probe makes one call beside the model's slots, without repeats and without
// counting for the circuit breaker: a look must not change what it looks at.
// While the breaker is open the model is not asked at all. accept says which
// statuses mean that the model is ready.
func (c *Client) Probe(ctx context.Context, request Request, accept func(status int) bool) engine.Health {
	if c.breaker.State() == gobreaker.StateOpen {
		return engine.Health{State: engine.Unreachable, Reason: engine.LeftAlone}
	}
	_, err := c.attempt(ctx, request)
	var status *statusError
	switch {
	case err == nil:
		return engine.Health{State: engine.Ready, Reason: engine.Answered}
	case errors.As(err, &status) && accept(status.code):
		return engine.Health{State: engine.Ready, Reason: engine.Answered, Detail: status.Error()}
	case errors.As(err, &status):
		return engine.Health{State: engine.Unready, Reason: engine.Refused, Detail: status.Error()}
	}
	return engine.Health{State: engine.Unreachable, Reason: engine.Silent}
}

// AnyAnswer accepts every status that comes from the server itself rather
// than from a gateway in front of it.
func AnyAnswer(status int) bool {
	switch status {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return false
	}
	return true
}
