package remote

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"granary/internal/platform/fault"
)

// maxRetryAfter bounds what is believed of a Retry-After header.
const maxRetryAfter = time.Hour

// statusError is an answer that is not 2xx.
type statusError struct {
	code       int
	retryAfter time.Duration
}

func (e *statusError) Error() string {
	return strings.TrimSpace(fmt.Sprintf("status %d %s", e.code, http.StatusText(e.code)))
}

// brokenError is a connection that could not be made or did not hold.
type brokenError struct{ cause error }

func (e *brokenError) Error() string { return e.cause.Error() }
func (e *brokenError) Unwrap() error { return e.cause }

// policyError is an address that the policy refused.
type policyError struct{ cause error }

func (e *policyError) Error() string { return "address refused: " + e.cause.Error() }
func (e *policyError) Unwrap() error { return e.cause }

// connectionError takes the URL, which may hold a secret, out of err.
func connectionError(err error) error {
	var withURL *url.Error
	if errors.As(err, &withURL) {
		err = withURL.Err
	}
	var refused *policyError
	if errors.As(err, &refused) {
		return refused
	}
	return &brokenError{err}
}

// retryable reports whether another attempt may help and how long the server
// wants to be left alone.
func retryable(err error) (again bool, asked time.Duration) {
	var status *statusError
	if errors.As(err, &status) {
		switch status.code {
		case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return true, status.retryAfter
		}
		return false, 0
	}
	return errors.As(err, new(*brokenError)), 0
}

// isDown reports whether err speaks against the model rather than the request.
func isDown(err error) bool {
	var status *statusError
	if errors.As(err, &status) {
		return status.code >= 500
	}
	return errors.As(err, new(*brokenError)) || errors.Is(err, context.DeadlineExceeded)
}

// explain turns the last attempt's error into one with a kind. What a user
// reads is short; the cause, which names addresses, stays in the chain for the
// log.
func (c *Client) explain(err error, asked time.Duration) error {
	var status *statusError
	var own *fault.Error
	switch {
	case errors.As(err, &own):
		return err
	case errors.As(err, &status):
		return fault.New(fault.Unavailable, "model %s answered with %s", c.name, status).After(asked)
	}
	return fmt.Errorf("%w (%w)", fault.New(fault.Unavailable, "model %s cannot be reached", c.name), err)
}

// parseRetryAfter reads the header's two forms (RFC 9110, section 10.2.3).
func parseRetryAfter(value string, now time.Time) time.Duration {
	var d time.Duration
	if seconds, err := strconv.Atoi(value); err == nil {
		d = time.Duration(min(max(seconds, 0), int(maxRetryAfter/time.Second))) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		d = at.Sub(now)
	}
	return min(max(d, 0), maxRetryAfter)
}
