package remote

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"

	"github.com/sony/gobreaker/v2"

	"granary/internal/platform/fault"
	"granary/internal/vision/engine"
)

// Defaults of engine.Spec and Config.
const (
	DefaultTimeout     = 30 * time.Second
	DefaultRetries     = 2
	DefaultConcurrency = 8
	DefaultMaxResponse = 16 << 20
	DefaultBackoff     = 100 * time.Millisecond
	DefaultBreakAfter  = 5
	DefaultBreakFor    = 10 * time.Second
)

// maxBackoff bounds the wait that grows with each attempt; a server may ask
// for more.
const maxBackoff = 5 * time.Second

// Config is what all models of an engine have in common. The zero value works.
type Config struct {
	// Allow judges every resolved address before a connection to it is made; an
	// error refuses it. Proxies of the environment are not used while it is set,
	// since they would hide the address. Defaults to every address.
	Allow func(netip.Addr) error
	// MaxResponse bounds the body of an answer in bytes. Defaults to 16 MiB.
	MaxResponse int64
	// Backoff is the wait before the first repeat; it doubles with each further
	// one, and half of it is random. Defaults to 100 ms.
	Backoff time.Duration
	// BreakAfter failures in a row stop all calls to a model for BreakFor.
	// Default to 5 and 10 s.
	BreakAfter int
	BreakFor   time.Duration
	// Jitter returns a number in [0,1). Defaults to math/rand/v2.Float64.
	Jitter func() float64
}

// Request is one call.
type Request struct {
	Method string
	URL    string
	Header http.Header
	// Body returns a reader of the body, Size bytes, for each attempt anew. A
	// reader may still be in use for a moment when Do has returned. It is not
	// asked for one when Size is 0.
	Body func() io.Reader
	Size int64
}

// Response is a 2xx answer, read whole.
type Response struct {
	Header http.Header
	Body   []byte
}

// Client calls one model. It is safe for concurrent use.
type Client struct {
	name    string
	timeout time.Duration
	retries int
	config  Config
	http    *http.Client
	breaker *gobreaker.CircuitBreaker[*Response]
	slots   chan struct{}
}

// New returns a client for the model of spec. Errors: fault.Invalid for an
// endpoint that is no absolute http or https URL.
func New(spec engine.Spec, config Config) (*Client, error) {
	u, err := url.Parse(spec.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		// The endpoint itself stays out of the text: it may hold a secret.
		return nil, fault.New(fault.Invalid, "the endpoint of model %s is no absolute http or https URL", spec.Name)
	}
	config.MaxResponse = cmp.Or(config.MaxResponse, DefaultMaxResponse)
	config.Backoff = cmp.Or(config.Backoff, DefaultBackoff)
	config.BreakAfter = cmp.Or(config.BreakAfter, DefaultBreakAfter)
	config.BreakFor = cmp.Or(config.BreakFor, DefaultBreakFor)
	if config.Jitter == nil {
		config.Jitter = rand.Float64
	}
	concurrency := cmp.Or(max(spec.Concurrency, 0), DefaultConcurrency)
	c := &Client{
		name:    spec.Name,
		timeout: cmp.Or(max(spec.Timeout, 0), DefaultTimeout),
		retries: max(cmp.Or(spec.Retries, DefaultRetries), 0),
		config:  config,
		http: &http.Client{
			Transport: transport(config, concurrency),
			// A redirect could carry the key to another host.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		slots: make(chan struct{}, concurrency),
	}
	c.breaker = gobreaker.NewCircuitBreaker[*Response](gobreaker.Settings{
		Name:        spec.Name,
		Timeout:     config.BreakFor,
		ReadyToTrip: func(n gobreaker.Counts) bool { return int(n.ConsecutiveFailures) >= config.BreakAfter },
		// Only what says that the model is down counts: not a picture that it
		// refuses, and nothing about a caller that went away.
		IsSuccessful: func(err error) bool { return err == nil || !isDown(err) },
		IsExcluded:   func(err error) bool { return errors.Is(err, context.Canceled) },
	})
	return c, nil
}

func transport(config Config, concurrency int) *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	t := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		MaxIdleConnsPerHost:   concurrency,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,
		ForceAttemptHTTP2:     true,
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
	}
	if config.Allow != nil {
		t.Proxy = nil
		// Control runs after resolution, for each address that is tried.
		dialer.Control = func(_, address string, _ syscall.RawConn) error {
			at, err := netip.ParseAddrPort(address)
			if err == nil {
				err = config.Allow(at.Addr().Unmap())
			}
			if err != nil {
				return &policyError{err}
			}
			return nil
		}
	}
	t.DialContext = dialer.DialContext
	return t
}

// Close drops idle connections. Calls in flight end by themselves.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Do sends the request, again where that makes sense, and returns a 2xx
// answer. It blocks for a slot and for the call, both within the model's
// timeout. Errors: fault.Unavailable (with RetryAfter where it is known) when
// the model cannot be had, fault.Invalid for an answer beyond the size cap,
// the context's error when ctx was cancelled.
func (c *Client) Do(ctx context.Context, request Request) (*Response, error) {
	limited, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-limited.Done():
		return nil, c.ended(ctx)
	}
	for attempt := 0; ; attempt++ {
		response, err := c.breaker.Execute(func() (*Response, error) { return c.attempt(limited, request) })
		switch {
		case err == nil:
			return response, nil
		case errors.Is(err, gobreaker.ErrOpenState), errors.Is(err, gobreaker.ErrTooManyRequests):
			return nil, fault.New(fault.Unavailable, "model %s failed several times and is left alone for a while", c.name).After(c.config.BreakFor)
		case limited.Err() != nil:
			return nil, c.ended(ctx)
		}
		again, asked := retryable(err)
		wait := max(c.backoff(attempt), asked)
		if deadline, _ := limited.Deadline(); !again || attempt >= c.retries || time.Until(deadline) <= wait {
			return nil, c.explain(err, asked)
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-limited.Done():
			timer.Stop()
			return nil, c.ended(ctx)
		}
	}
}

// backoff returns the wait after a failed attempt, counted from 0.
func (c *Client) backoff(attempt int) time.Duration {
	d := min(c.config.Backoff<<min(attempt, 16), maxBackoff)
	return d/2 + time.Duration(c.config.Jitter()*float64(d/2))
}

// attempt makes one call and reads its answer.
func (c *Client) attempt(ctx context.Context, request Request) (*Response, error) {
	r, err := http.NewRequestWithContext(ctx, request.Method, request.URL, http.NoBody)
	if err != nil {
		return nil, fault.New(fault.Invalid, "the endpoint of model %s is unusable", c.name)
	}
	if request.Size > 0 {
		r.ContentLength = request.Size
		r.Body = io.NopCloser(request.Body())
		// For the transport, which finds that a kept connection has ended.
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(request.Body()), nil }
	}
	for name, values := range request.Header {
		r.Header[name] = values
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return nil, connectionError(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode/100 != 2 {
		// Reading a little lets the connection be used again.
		_, _ = io.CopyN(io.Discard, answer.Body, 64<<10)
		return nil, &statusError{code: answer.StatusCode, retryAfter: parseRetryAfter(answer.Header.Get("Retry-After"), time.Now())}
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, c.config.MaxResponse+1))
	if err != nil {
		return nil, connectionError(err)
	}
	if int64(len(body)) > c.config.MaxResponse {
		return nil, fault.New(fault.Invalid, "the answer of model %s is larger than %d bytes", c.name, c.config.MaxResponse)
	}
	return &Response{Header: answer.Header, Body: body}, nil
}

// ended says why the time of a call was over.
func (c *Client) ended(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return fmt.Errorf("call model %s: %w", c.name, ctx.Err())
	}
	return fault.New(fault.Unavailable, "model %s did not answer within %s", c.name, c.timeout)
}
