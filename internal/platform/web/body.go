package web

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"granary/internal/platform/fault"
)

// DefaultMaxBody caps a request body, in bytes, where nothing else does.
const DefaultMaxBody = 64 << 20

// drainTime bounds how long the rest of a refused body is read, so that a
// client that sends before it listens still gets the answer.
const drainTime = 5 * time.Second

// body is a request body that is capped and that may not stall: each wait
// for the next byte has a deadline of its own, however long the whole takes.
// Its errors are faults (TooLarge, or 408).
type body struct {
	reader   io.ReadCloser
	control  *http.ResponseController
	idle     time.Duration
	limit    int64 // -1 until prepared
	received int64
	overflow bool
	expects  bool // the client sent Expect: 100-continue
	ended    bool
	err      error
}

// prepare checks what the header says of the body and sets the cap.
func (b *body) prepare(r *http.Request, consumes []string, limit int64) error {
	b.limit = limit
	if r.ContentLength > limit {
		b.overflow = true
		return tooLarge(limit)
	}
	if len(consumes) == 0 || r.ContentLength == 0 {
		return nil
	}
	given, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || !slices.Contains(consumes, given) {
		return protocolError(http.StatusUnsupportedMediaType, "the body must be %s", strings.Join(consumes, " or "))
	}
	return nil
}

func tooLarge(limit int64) error {
	return fault.New(fault.TooLarge, "the request body is larger than %d bytes", limit)
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if b.limit >= 0 {
		// One byte past the cap tells an exact fit from an overflow.
		if room := b.limit - b.received + 1; int64(len(p)) > room {
			p = p[:room]
		}
	}
	_ = b.control.SetReadDeadline(time.Now().Add(b.idle))
	n, err := b.reader.Read(p)
	_ = b.control.SetReadDeadline(time.Time{})
	b.received += int64(n)
	if b.limit >= 0 && b.received > b.limit {
		n -= int(b.received - b.limit)
		b.overflow, b.err = true, tooLarge(b.limit)
		return n, b.err
	}
	switch {
	case err == nil:
		return n, nil
	case errors.Is(err, io.EOF):
		b.ended, b.err = true, io.EOF
	case errors.Is(err, os.ErrDeadlineExceeded):
		b.err = protocolError(http.StatusRequestTimeout, "no byte of the request body came for %s", b.idle)
	default:
		b.err = fault.New(fault.Invalid, "read request body: %w", err)
	}
	return n, b.err
}

// Close implements io.Closer.
func (b *body) Close() error { return b.reader.Close() }

// release leaves a deadline behind when the body was not read to its end:
// net/http reads some more of it before it sends the answer, and sets none.
// A body that failed once gets no second chance.
func (b *body) release() {
	if b.reader == nil || b.reader == http.NoBody || b.ended {
		return
	}
	deadline := time.Now()
	if b.err == nil {
		deadline = deadline.Add(min(b.idle, drainTime))
	}
	_ = b.control.SetReadDeadline(deadline)
}

// drain sends the answer on its way and then reads on for a while, at most
// as much as would have been allowed. Closing at once would reset the
// connection under a client that is still sending, and lose the answer.
func (b *body) drain(w http.ResponseWriter) {
	if b.reader == nil || b.reader == http.NoBody || b.ended {
		return
	}
	if b.expects && b.received == 0 {
		return // the client waits for leave to send, RFC 9110 §10.1.1
	}
	if err := http.NewResponseController(w).Flush(); err != nil {
		return
	}
	if err := b.control.SetReadDeadline(time.Now().Add(drainTime)); err != nil {
		return
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(b.reader, max(b.limit, 1<<20)))
}
