package outbox

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"granary/internal/platform/fetch"
)

const (
	// answerBytes is how much of an answer is kept.
	answerBytes = 500
	// answerTime bounds the wait for those bytes once the header is there.
	answerTime = 10 * time.Second
	// maxHeaderBytes bounds an answer's header.
	maxHeaderBytes = 64 << 10
)

// errNoAnswer ends a POST that took longer than Config.ResponseTimeout.
var errNoAnswer = errors.New("no answer in time")

// result is what one POST led to.
type result struct {
	// status is 0 when no answer came; err then says why.
	status int
	answer string
	err    error
	// sent says that the whole request was handed over.
	sent bool
}

// poster sends. Each POST has a connection of its own: on one that was kept,
// a receiver's restart would look like a failure after the request was sent.
type poster struct {
	client *http.Client
	policy fetch.Policy
	limit  time.Duration
	secret []byte
	now    func() time.Time
}

func newPoster(cfg Config) *poster {
	transport := cfg.Policy.Transport()
	transport.ForceAttemptHTTP2, transport.DisableKeepAlives, transport.DisableCompression = false, true, true
	transport.MaxResponseHeaderBytes = maxHeaderBytes
	return &poster{
		policy: cfg.Policy, limit: cfg.ResponseTimeout, secret: cfg.Secret, now: cfg.Now,
		client: &http.Client{
			Transport: transport,
			// A redirect turns a POST into a GET or leads elsewhere.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

func (p *poster) close() { p.client.CloseIdleConnections() }

// post sends one message and waits for the answer, without holding anything.
func (p *poster) post(ctx context.Context, id, address, body string) result {
	u, err := verbatim(address)
	if err == nil {
		err = p.policy.CheckURL(u)
	}
	if err != nil {
		return result{err: err}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := time.AfterFunc(p.limit, func() { cancel(errNoAnswer) })
	defer timer.Stop()
	var sent atomic.Bool
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteRequest: func(info httptrace.WroteRequestInfo) { sent.Store(info.Err == nil) },
	})
	request, err := http.NewRequestWithContext(traced, http.MethodPost, u.String(), strings.NewReader(body))
	if err != nil {
		return result{err: errors.New("the callback address is not a URL")}
	}
	request.URL = u // String and Parse need not give the same bytes again
	p.label(request, id, body)
	response, err := p.client.Do(request)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return result{err: withoutURL(err), sent: sent.Load()}
	}
	defer response.Body.Close()
	timer.Reset(answerTime)
	head, _ := io.ReadAll(io.LimitReader(response.Body, answerBytes)) // the status counts, not how the answer ends
	return result{status: response.StatusCode, answer: text(head), sent: true}
}

// label sets the headers: the exact media type that receivers compare, and
// those of the Standard Webhooks specification, version 1.
func (p *poster) label(request *http.Request, id, body string) {
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "granary")
	request.Header["webhook-id"] = []string{id}
	if len(p.secret) == 0 {
		return
	}
	at := strconv.FormatInt(p.now().Unix(), 10)
	request.Header["webhook-timestamp"] = []string{at}
	request.Header["webhook-signature"] = []string{Sign(p.secret, id, at, body)}
}

// Sign returns the webhook-signature header of a message: "v1," and the
// base64 of HMAC-SHA256 over "id.timestamp.body" (Standard Webhooks). A
// receiver computes the same and compares in constant time.
func Sign(secret []byte, id, timestamp, body string) string {
	mac := hmac.New(sha256.New, secret)
	for _, part := range []string{id, ".", timestamp, ".", body} {
		_, _ = io.WriteString(mac, part) // a hash takes everything
	}
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// withoutURL strips the address, which may hold a token, from a client error.
func withoutURL(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// text makes an answer's first bytes storable; a character that the limit cut
// through is left out.
func text(b []byte) string {
	for i := 1; i < utf8.UTFMax && i <= len(b); i++ {
		if tail := b[len(b)-i:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				b = b[:len(b)-i]
			}
			break
		}
	}
	return strings.ToValidUTF8(string(b), "\uFFFD")
}
