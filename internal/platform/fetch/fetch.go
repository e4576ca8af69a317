// Package fetch is the one place that makes outgoing HTTP requests for files
// and documents. It bounds time, size and redirects; it follows no redirect
// to another scheme and sends no credential of ours.
package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"granary/internal/platform/fault"
)

// Config bounds what a Client does.
type Config struct {
	// Timeout bounds one request from dialling to the last byte. Defaults to 30 s.
	Timeout time.Duration
	// MaxRedirects is how many are followed. Defaults to 10.
	MaxRedirects int
	// Transport makes the connections. Defaults to http.DefaultTransport's settings.
	Transport http.RoundTripper
}

// Client fetches. Safe for concurrent use.
type Client struct{ http *http.Client }

// New returns a client.
func New(cfg Config) *Client {
	if cfg.Timeout <= 0 {
		cfg.Timeout = 30 * time.Second
	}
	if cfg.MaxRedirects <= 0 {
		cfg.MaxRedirects = 10
	}
	return &Client{http: &http.Client{
		Timeout: cfg.Timeout, Transport: cfg.Transport,
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) > cfg.MaxRedirects {
				return errors.New("too many redirects")
			}
			if r.URL.Scheme != via[0].URL.Scheme {
				return fmt.Errorf("redirect from %s to %s", via[0].URL.Scheme, r.URL.Scheme)
			}
			return nil
		},
	}}
}

// Get returns the body at address when it answers 200 with at most maxBytes.
// Errors are of kind Unavailable, or TooLarge for a longer body.
func (c *Client) Get(ctx context.Context, address string, maxBytes int64) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fault.New(fault.Invalid, "address: %w", err)
	}
	if request.URL.Scheme != "http" && request.URL.Scheme != "https" {
		return nil, fault.New(fault.Invalid, "address must be http or https, not %q", request.URL.Scheme)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "fetch: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fault.New(fault.Unavailable, "fetch: the server answered %s", response.Status)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBytes+1))
	if err != nil {
		return nil, fault.New(fault.Unavailable, "fetch: %w", err)
	}
	if int64(len(body)) > maxBytes {
		return nil, fault.New(fault.TooLarge, "fetch: the answer is larger than %d bytes", maxBytes)
	}
	return body, nil
}
