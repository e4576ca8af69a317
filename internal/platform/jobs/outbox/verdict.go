package outbox

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"granary/internal/platform/fault"
)

// outcome is what an attempt comes to; it is a metric's label.
type outcome string

const (
	lost      outcome = "lost"
	broken    outcome = "broken_off"
	again     outcome = "retry"
	delivered         = outcome(Delivered)
)

// verdict is what is recorded of an attempt.
type verdict struct {
	outcome outcome
	// state is the message's from now on, due its next try while pending.
	state  State
	due    time.Time
	status int
	answer string
	reason string
}

// judge applies the delivery rules to what happened.
func (o *Outbox) judge(a *attempt, r result) verdict {
	v := verdict{state: Pending, due: o.now(), status: r.status, answer: r.answer}
	switch {
	case errors.Is(r.err, errLost):
		return verdict{outcome: lost}
	case errors.Is(r.err, errStopping):
		v.outcome, v.reason = broken, r.err.Error()
		return v
	case r.err == nil && r.status >= 200 && r.status < 300:
		v.state = Delivered
	case r.err == nil && (r.status < 500 || r.status >= 600):
		v.state = Refused
	case fault.Is(r.err, fault.Forbidden):
		v.state, v.reason = Failed, fault.Message(r.err)
	case errors.Is(r.err, errNoAnswer) && r.sent && a.Final:
		v.state, v.reason = Unanswered, r.err.Error()
	default:
		v.reason = fmt.Sprintf("the receiver answered %d %s", r.status, http.StatusText(r.status))
		if r.err != nil {
			v.reason = clip(r.err.Error())
		}
		if v.due.After(a.ExpiresAt) {
			v.state = Failed
			break
		}
		v.outcome, v.due = again, v.due.Add(o.cfg.Backoff(a.Attempts))
		return v
	}
	v.outcome = outcome(v.state)
	return v
}

// maxReasonBytes bounds a stored error.
const maxReasonBytes = 500

func clip(s string) string {
	if len(s) > maxReasonBytes {
		s = s[:maxReasonBytes]
	}
	return text([]byte(s))
}

// tell logs what went wrong, without the address' path and query, which may
// hold a token.
func (o *Outbox) tell(ctx context.Context, a *attempt, v verdict) {
	if v.outcome == delivered {
		return
	}
	host := ""
	if u, err := url.Parse(a.URL); err == nil {
		host = u.Host
	}
	o.cfg.Log.WarnContext(ctx, "callback not delivered", "stream", a.Stream, "seq", a.Seq, "host", host,
		"attempt", a.Attempts, "outcome", string(v.outcome), "status", v.status, "reason", v.reason)
}
