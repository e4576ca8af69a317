package fetch

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"granary/internal/platform/fault"
)

const (
	// longestBackoff bounds the wait that we choose, longestWait the one that
	// a server asks for.
	longestBackoff = 30 * time.Second
	longestWait    = 2 * time.Minute
)

// passing reports whether a later attempt may succeed.
func passing(err error) bool {
	var own *fault.Error
	var final permanent
	if errors.As(err, &own) || errors.As(err, &final) {
		return false
	}
	var status *StatusError
	if errors.As(err, &status) {
		return status.Code == http.StatusRequestTimeout || status.Code == http.StatusTooManyRequests || status.Code >= 500
	}
	return true
}

// wait returns how long to wait after a failed attempt: what the server asked
// for, or a growing time with a random part, so that clients do not march in
// step.
func (c *Client) wait(attempt int, err error) time.Duration {
	var status *StatusError
	if errors.As(err, &status) && status.Wait > 0 {
		return min(status.Wait, longestWait)
	}
	wait := c.cfg.Backoff
	for range attempt - 1 {
		wait = min(2*wait, longestBackoff)
	}
	return wait/2 + rand.N(wait/2+1)
}

// retryAfter reads the header of that name (RFC 9110, section 10.2.3): seconds
// or a date.
func retryAfter(value string) time.Duration {
	if seconds, err := strconv.Atoi(value); err == nil {
		return time.Duration(min(max(seconds, 0), 3600)) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(time.Until(at), 0)
	}
	return 0
}

// sleep waits; it ends early with the context.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// watch ends a request on which no byte arrives.
type watch struct {
	limit   time.Duration
	timer   *time.Timer
	stalled atomic.Bool
}

func newWatch(limit time.Duration, cancel func()) *watch {
	w := &watch{limit: limit}
	w.timer = time.AfterFunc(limit, func() {
		w.stalled.Store(true)
		cancel()
	})
	return w
}

func (w *watch) stop() { w.timer.Stop() }

// explain replaces the cancellation that the watch itself caused.
func (w *watch) explain(err error) error {
	if err != nil && w.stalled.Load() {
		return errors.New("no byte arrived for " + w.limit.String())
	}
	return err
}

// reader returns body under the watch.
func (w *watch) reader(body io.Reader) io.Reader { return watched{w, body} }

type watched struct {
	watch *watch
	body  io.Reader
}

func (r watched) Read(p []byte) (int, error) {
	n, err := r.body.Read(p)
	if n > 0 {
		r.watch.timer.Reset(r.watch.limit)
	}
	return n, err
}
