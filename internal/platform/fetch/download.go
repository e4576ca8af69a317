package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"granary/internal/platform/fault"
)

// StatusError is the cause of an error when a server answered something else
// than was asked for.
type StatusError struct {
	// Code is the HTTP status.
	Code int
	// Wait is what Retry-After asked for; 0 for nothing.
	Wait time.Duration
}

// Error returns, for example, "the server answered 404 Not Found".
func (e *StatusError) Error() string {
	return fmt.Sprintf("the server answered %d %s", e.Code, http.StatusText(e.Code))
}

// permanent marks an error that another attempt would only repeat.
type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// Download writes the body to target, from its beginning. A broken transfer is
// taken up where it ended when the server can say that the file is the same
// (RFC 9110, If-Range with a strong ETag), and otherwise started again. It
// blocks for the host's pace. Errors are of kind Unavailable (with a
// *StatusError as cause when there was an answer), Invalid for an address that
// is not http, Forbidden for one that the policy refuses, or TooLarge for a
// longer body.
func (c *Client) Download(ctx context.Context, r Request, target Target) (Response, error) {
	at, err := url.Parse(r.Address)
	if err != nil {
		return Response{}, fault.New(fault.Invalid, "the address %.200q cannot be read", r.Address)
	}
	if (at.Scheme != "http" && at.Scheme != "https") || at.Host == "" {
		return Response{}, fault.New(fault.Invalid, "address must be http or https, not %.200q", r.Address)
	}
	if err := c.cfg.Policy.CheckURL(at); err != nil {
		return Response{}, refusal(err)
	}
	t := transfer{Request: r, host: strings.ToLower(at.Hostname()), target: target}
	for attempt := 1; ; attempt++ {
		err = c.attempt(ctx, &t)
		if err == nil {
			return t.response, nil
		}
		if attempt == c.cfg.Attempts || ctx.Err() != nil || !passing(err) {
			return Response{}, refusal(err)
		}
		if err := sleep(ctx, c.wait(attempt, err)); err != nil {
			return Response{}, err
		}
	}
}

// refusal gives an error a kind; one that has a kind keeps it.
func refusal(err error) error {
	var own *fault.Error
	if errors.As(err, &own) {
		return own
	}
	// The address is left out: a query may hold a token.
	var at *url.Error
	if errors.As(err, &at) {
		err = at.Err
	}
	return fault.New(fault.Unavailable, "fetch: %w", err)
}

// transfer is one download over its attempts.
type transfer struct {
	Request
	host     string
	target   Target
	response Response
	// written is how much of the body is in target, tag the strong ETag of it.
	written int64
	tag     string
}

// attempt makes the request once.
func (c *Client) attempt(ctx context.Context, t *transfer) error {
	release, err := c.pace.acquire(ctx, t.host)
	if err != nil {
		return err
	}
	defer release()
	timeout := c.cfg.Timeout
	if t.Timeout > 0 {
		timeout = t.Timeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	watch := newWatch(c.cfg.Stall, cancel)
	defer watch.stop()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, t.Address, http.NoBody)
	if err != nil {
		return fault.New(fault.Invalid, "the address %.200q cannot be read", t.Address)
	}
	t.prepare(request, c.cfg.UserAgent)
	response, err := c.http.Do(request)
	if err != nil {
		return watch.explain(err)
	}
	defer response.Body.Close()
	if err := t.accept(response); err != nil || t.response.NotModified {
		return err
	}
	written, err := io.Copy(t.target, io.LimitReader(watch.reader(response.Body), t.MaxBytes-t.written+1))
	t.written += written
	if t.written > t.MaxBytes {
		return t.tooLarge()
	}
	t.response.Bytes = t.written
	return watch.explain(err)
}

func (t *transfer) tooLarge() error {
	return fault.New(fault.TooLarge, "fetch: the answer is larger than %d bytes", t.MaxBytes)
}

// prepare adds the headers. Identity coding, so that lengths and ranges count
// the bytes of the file.
func (t *transfer) prepare(request *http.Request, agent string) {
	request.Header.Set("User-Agent", agent)
	request.Header.Set("Accept", "*/*")
	request.Header.Set("Accept-Encoding", "identity")
	if t.written > 0 && t.tag != "" {
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-", t.written))
		request.Header.Set("If-Range", t.tag)
		return
	}
	if t.ETag != "" {
		request.Header.Set("If-None-Match", t.ETag)
	}
	if t.LastModified != "" {
		request.Header.Set("If-Modified-Since", t.LastModified)
	}
}

// accept looks at the head of an answer and makes target ready for its body.
func (t *transfer) accept(response *http.Response) error {
	resumed := false
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusPartialContent:
		if resumed = strings.HasPrefix(response.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", t.written)); !resumed {
			return permanent{errors.New("the server answered another range than was asked for")}
		}
	case http.StatusNotModified:
		if t.ETag == "" && t.LastModified == "" {
			return permanent{&StatusError{Code: response.StatusCode}}
		}
		t.response = Response{NotModified: true, ETag: t.ETag, LastModified: t.LastModified}
		return nil
	default:
		return &StatusError{Code: response.StatusCode, Wait: retryAfter(response.Header.Get("Retry-After"))}
	}
	if !resumed {
		t.written = 0
		if err := t.target.Truncate(0); err != nil {
			return permanent{err}
		}
		t.response = Response{
			ETag: response.Header.Get("ETag"), LastModified: response.Header.Get("Last-Modified"),
			ContentType: response.Header.Get("Content-Type"),
		}
		if t.tag = t.response.ETag; strings.HasPrefix(t.tag, "W/") {
			t.tag = ""
		}
	}
	if response.ContentLength > t.MaxBytes-t.written {
		return t.tooLarge()
	}
	return nil
}
