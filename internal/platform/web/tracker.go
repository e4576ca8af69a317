package web

import (
	"net/http"
	"strings"
	"time"
)

// writePiece is how much of an answer a client must take within the idle
// timeout.
const writePiece = 256 << 10

// tracker records what is written, moves the write deadline along with it
// and adds the security headers at the last moment.
type tracker struct {
	http.ResponseWriter
	x       *exchange
	request *http.Request
	control *http.ResponseController
	idle    time.Duration
	status  int
	sent    int64
}

// Unwrap lets http.ResponseController reach the connection.
func (t *tracker) Unwrap() http.ResponseWriter { return t.ResponseWriter }

// WriteHeader records the status; informational ones pass through.
func (t *tracker) WriteHeader(status int) {
	if t.status != 0 {
		return
	}
	if status >= 100 && status < 200 && status != http.StatusSwitchingProtocols {
		t.ResponseWriter.WriteHeader(status)
		return
	}
	t.status = status
	securityHeaders(t.Header(), t.x, t.request)
	t.extend()
	t.ResponseWriter.WriteHeader(status)
}

// Write sends b in pieces, each under a fresh deadline, so that a slow client
// may take long in all but a stalled one is cut off.
func (t *tracker) Write(b []byte) (int, error) {
	if t.status == 0 {
		// Sniffing happens here rather than in net/http so that
		// securityHeaders sees the type.
		if h := t.Header(); h["Content-Type"] == nil && h.Get("Content-Encoding") == "" && len(b) > 0 {
			h.Set("Content-Type", http.DetectContentType(b))
		}
		t.WriteHeader(http.StatusOK)
	}
	written := 0
	for {
		piece := b[written:min(written+writePiece, len(b))]
		t.extend()
		n, err := t.ResponseWriter.Write(piece)
		written += n
		t.sent += int64(n)
		if err != nil || written >= len(b) {
			return written, err
		}
	}
}

// Flush sends what is buffered.
func (t *tracker) Flush() {
	if t.status == 0 {
		t.WriteHeader(http.StatusOK)
	}
	t.extend()
	_ = t.control.Flush()
}

// extend gives the client the idle timeout to take the next piece. Writers
// without deadlines (in tests) ignore it.
func (t *tracker) extend() { _ = t.control.SetWriteDeadline(time.Now().Add(t.idle)) }

// htmlPolicy allows a page what it needs from its own origin and nothing
// else: no inline script or style, no framing.
const htmlPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; " +
	"font-src 'self'; connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// securityHeaders adds what OWASP ASVS 5.0 chapter 3.4 asks of every answer.
// A handler that set one of them itself keeps its own.
func securityHeaders(h http.Header, x *exchange, r *http.Request) {
	set := func(name, value string) {
		if h.Get(name) == "" {
			h.Set(name, value)
		}
	}
	set("X-Content-Type-Options", "nosniff")
	if x != nil && x.userID != "" {
		set("Cache-Control", "no-store") // made for one user; a handler that knows better says so
	}
	if !strings.HasPrefix(h.Get("Content-Type"), "text/html") {
		return
	}
	set("Content-Security-Policy", htmlPolicy)
	set("Referrer-Policy", "same-origin")
	set("Cross-Origin-Opener-Policy", "same-origin")
	// Browsers would apply the rule to every port of localhost, where other
	// programs of a developer speak plain HTTP.
	if IsSecure(r) && !strings.HasPrefix(r.Host, "localhost") {
		set("Strict-Transport-Security", "max-age=31536000")
	}
}
