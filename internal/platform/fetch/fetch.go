// Package fetch is the one place that makes outgoing HTTP requests for files
// and documents. It bounds time, size and redirects; follows no redirect to
// another scheme, sends no credential of ours, keeps to the address policy and
// to the pace that a host is owed, and tries again what may succeed later.
//
//	Get ────────┐
//	Download ───┴► attempts ─► pace (per host) ─► policy (after resolution) ─► transport, proxies
//
// It parses nothing that it fetches.
package fetch

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Config bounds what a Client does.
type Config struct {
	// Timeout bounds one request from dialling to the last byte. Defaults to 30 s.
	Timeout time.Duration
	// Stall bounds the time without a byte. Defaults to Timeout.
	Stall time.Duration
	// MaxRedirects is how many are followed. Defaults to 10.
	MaxRedirects int
	// Attempts is how often a request is made that fails in a way that may
	// pass: a broken connection, 408, 429 or 5xx. Defaults to 1.
	Attempts int
	// Backoff is the wait before the second attempt; it doubles with each, up
	// to 30 s. Defaults to 500 ms.
	Backoff time.Duration
	// UserAgent is sent with each request. Defaults to "Granary".
	UserAgent string
	// Policy says which addresses may be reached.
	Policy Policy
	// Pace is how hosts are treated. Defaults to no limit.
	Pace Pace
	// HostPace is for hosts with a pace of their own, by lower-case name.
	HostPace map[string]Pace
	// Transport makes the connections. Defaults to one with the system's
	// proxies (HTTP_PROXY, HTTPS_PROXY, NO_PROXY) that enforces Policy; one
	// that is given enforces of it only what names and literal addresses tell.
	Transport http.RoundTripper
}

// Client fetches. Safe for concurrent use.
type Client struct {
	cfg  Config
	http *http.Client
	pace pacer
}

// New returns a client.
func New(cfg Config) *Client {
	cfg.Timeout = cmp.Or(max(cfg.Timeout, 0), 30*time.Second)
	cfg.Stall = cmp.Or(max(cfg.Stall, 0), cfg.Timeout)
	cfg.MaxRedirects = cmp.Or(max(cfg.MaxRedirects, 0), 10)
	cfg.Attempts = max(cfg.Attempts, 1)
	cfg.Backoff = cmp.Or(max(cfg.Backoff, 0), 500*time.Millisecond)
	cfg.UserAgent = cmp.Or(cfg.UserAgent, "Granary")
	if cfg.Transport == nil {
		cfg.Transport = cfg.Policy.Transport()
	}
	return &Client{cfg: cfg, pace: pacer{common: cfg.Pace, special: cfg.HostPace}, http: &http.Client{
		Transport: cfg.Transport,
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) > cfg.MaxRedirects {
				return permanent{errors.New("too many redirects")}
			}
			if r.URL.Scheme != via[0].URL.Scheme {
				return permanent{fmt.Errorf("redirect from %s to %s", via[0].URL.Scheme, r.URL.Scheme)}
			}
			return cfg.Policy.CheckURL(r.URL)
		},
	}}
}

// Request says what to fetch.
type Request struct {
	// Address is an http or https URL.
	Address string
	// MaxBytes bounds the body.
	MaxBytes int64
	// Timeout replaces the client's for this request; 0 keeps it.
	Timeout time.Duration
	// ETag and LastModified are those of a copy that the caller has; the
	// answer may then be NotModified.
	ETag, LastModified string
}

// Response is what came back beside the body.
type Response struct {
	// NotModified tells that the caller's copy is current; there is no body.
	NotModified bool
	// ETag, LastModified and ContentType are the headers of that name.
	ETag, LastModified, ContentType string
	// Bytes is the length of the body.
	Bytes int64
}

// Get returns the body at address when it answers 200 with at most maxBytes.
// Errors: as Download.
func (c *Client) Get(ctx context.Context, address string, maxBytes int64) ([]byte, error) {
	body, _, err := c.Fetch(ctx, Request{Address: address, MaxBytes: maxBytes})
	return body, err
}

// Fetch returns the body in memory. Errors: as Download.
func (c *Client) Fetch(ctx context.Context, r Request) ([]byte, Response, error) {
	var body bytes.Buffer
	response, err := c.Download(ctx, r, &buffer{&body})
	if err != nil {
		return nil, Response{}, err
	}
	return body.Bytes(), response, nil
}

// buffer lets a body in memory start again.
type buffer struct{ *bytes.Buffer }

func (b *buffer) Truncate(n int64) error {
	b.Buffer.Truncate(int(n))
	return nil
}

// Target takes a body. *os.File, opened for appending, is one.
type Target interface {
	io.Writer
	// Truncate drops what was written beyond the first n bytes; the next
	// write goes behind them.
	Truncate(n int64) error
}
