package worker

import (
	"context"
	"errors"
	"fmt"

	"github.com/sony/gobreaker/v2"

	"granary/internal/platform/fault"
	host "granary/internal/platform/worker"
)

// newBreaker returns what keeps calls from a model that fails again and again:
// each failure may cost the start of a process.
func newBreaker(name string, config Config) *gobreaker.CircuitBreaker[[]result] {
	return gobreaker.NewCircuitBreaker[[]result](gobreaker.Settings{
		Name:        name,
		Timeout:     config.BreakFor,
		ReadyToTrip: func(n gobreaker.Counts) bool { return int(n.ConsecutiveFailures) >= config.BreakAfter },
		// Only what says that the program is down counts: not a picture that it
		// refuses, and nothing about a caller that went away.
		IsSuccessful: func(err error) bool { return err == nil || !isDown(err) },
		IsExcluded:   func(err error) bool { return errors.Is(err, context.Canceled) },
	})
}

// isDown reports whether err speaks against the program rather than a picture.
func isDown(err error) bool {
	for _, down := range []error{host.ErrStart, host.ErrHung, host.ErrProtocol, host.ErrTooMuch} {
		if errors.Is(err, down) {
			return true
		}
	}
	return errors.As(err, new(*host.Died))
}

// isLeftAlone reports whether the program was not even asked.
func isLeftAlone(err error) bool {
	return errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests)
}

// explain turns the end of a job into an error with a kind. What a user reads
// is short; the cause stays in the chain for the log.
func (m *model) explain(err error) error {
	var failed *host.Failed
	var own *fault.Error
	switch {
	case isLeftAlone(err):
		return fault.New(fault.Unavailable, "model %s failed several times and is left alone for a while", m.name).After(m.breakFor)
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("call model %s: %w", m.name, err)
	case errors.As(err, &failed):
		return fault.New(fault.Unavailable, "model %s failed: %w", m.name, failed)
	case errors.Is(err, host.ErrHung):
		return fmt.Errorf("%w (%w)", fault.New(fault.Unavailable, "model %s did not answer in time", m.name), err)
	case errors.Is(err, host.ErrProtocol), errors.Is(err, host.ErrTooMuch):
		return fmt.Errorf("%w (%w)", fault.New(fault.Invalid, "the answer of model %s breaks the worker protocol", m.name), err)
	case isDown(err):
		return fmt.Errorf("%w (%w)", fault.New(fault.Unavailable, "the program of model %s does not run", m.name), err)
	case errors.As(err, &own):
		return err
	}
	return fmt.Errorf("call model %s: %w", m.name, err)
}
