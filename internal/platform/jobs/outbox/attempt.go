package outbox

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/uptrace/bun"

	"granary/internal/platform/database"
	"granary/internal/platform/fault"
)

// errLost ends an attempt whose message was taken from it: silenced, or
// claimed by another process after the lease ran out.
var errLost = errors.New("the delivery was taken over or silenced")

// settleTime bounds one try at recording an outcome.
const settleTime = 10 * time.Second

// attempt is one claimed delivery.
type attempt struct {
	messageRow
	body string
	// until is when the lease runs out.
	until time.Time
}

// send delivers the head of one stream once, and tells whether the next one
// may be looked for at once: not after an error, which the next round meets
// again, nor beside another process.
func (o *Outbox) send(ctx context.Context, h head) (more bool) {
	if h.Skip {
		err := o.drop(ctx, h)
		o.report(ctx, "drop callback", err)
		return err == nil
	}
	a, err := o.claim(ctx, h)
	if errors.Is(err, errLost) {
		return false // another process was first
	}
	if err != nil {
		o.report(ctx, "claim callback", err)
		return false
	}
	began := o.cfg.Now()
	posted := o.post(ctx, a)
	v := o.judge(a, posted)
	o.metrics.observe(v.outcome, o.cfg.Now().Sub(began))
	o.tell(ctx, a, v)
	if v.outcome != lost {
		err = o.settle(ctx, a, v)
	}
	if errors.Is(err, errLost) {
		return true
	}
	o.report(ctx, "record outcome of callback", err)
	return err == nil
}

// post sends while the lease is renewed beside it.
func (o *Outbox) post(ctx context.Context, a *attempt) result {
	ctx, cancel := context.WithCancelCause(ctx)
	var renewal sync.WaitGroup
	renewal.Go(func() { o.renew(ctx, a, cancel) })
	defer renewal.Wait()
	defer cancel(nil)
	return o.poster.post(ctx, a.ID, a.URL, a.body)
}

// claim takes the message for a lease, unless it changed since it was found.
func (o *Outbox) claim(ctx context.Context, h head) (*attempt, error) {
	a := &attempt{}
	err := o.db.InTx(ctx, func(ctx context.Context, tx database.Tx) error {
		now := o.now()
		a.until = now.Add(o.cfg.Lease)
		taken, err := tx.NewUpdate().Model((*messageRow)(nil)).
			Set("version = version + 1").Set("attempts = attempts + 1").Set("attempted_at = ?", now).Set("lease_until = ?", a.until).
			Where("id = ? AND version = ? AND state = 'pending'", h.ID, h.Version).
			Where("(lease_until IS NULL OR lease_until <= ?)", now).
			Where("NOT EXISTS (SELECT 1 FROM outbox_messages AS e WHERE e.state = 'pending' AND e.stream = ? AND e.seq < ?)", h.Stream, h.Seq).
			Exec(ctx)
		if err != nil {
			return err
		}
		if n, err := taken.RowsAffected(); err != nil || n != 1 {
			return errors.Join(errLost, err)
		}
		if err := tx.NewSelect().Model(&a.messageRow).Where("id = ?", h.ID).Scan(ctx); err != nil {
			return err
		}
		return tx.NewSelect().Model((*bodyRow)(nil)).Column("body").Where("message_id = ?", h.ID).Scan(ctx, &a.body)
	})
	if err != nil {
		return nil, fmt.Errorf("claim callback %s: %w", h.ID, err)
	}
	return a, nil
}

func (o *Outbox) drop(ctx context.Context, h head) error {
	return o.db.InTx(ctx, func(ctx context.Context, tx database.Tx) error {
		_, err := tx.NewUpdate().Model((*messageRow)(nil)).
			Set("state = ?", Dropped).Set("settled_at = ?", o.now()).Set("lease_until = NULL").Set("version = version + 1").
			Where("id = ? AND version = ? AND state = 'pending'", h.ID, h.Version).Exec(ctx)
		return err
	})
}

// renew keeps the lease until ctx ends, and ends the attempt when it cannot.
func (o *Outbox) renew(ctx context.Context, a *attempt, cancel context.CancelCauseFunc) {
	ticker := time.NewTicker(max(o.cfg.Lease/3, time.Millisecond))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		until := o.now().Add(o.cfg.Lease)
		err := o.change(ctx, a, func(q *bun.UpdateQuery) { q.Set("lease_until = ?", until) })
		switch {
		case err == nil:
			a.until = until
		case errors.Is(err, errLost), o.now().After(a.until):
			cancel(errLost)
			return
		}
	}
}

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

// settle records a verdict. While the database fails it goes on trying, since
// what was delivered must not be sent again; at Stop it tries once more.
func (o *Outbox) settle(ctx context.Context, a *attempt, v verdict) error {
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, o.cfg.Lease) {
		stopping := false
		select {
		case <-o.stopping:
			stopping = true
		default:
		}
		err := o.record(ctx, a, v)
		if err == nil || errors.Is(err, errLost) || stopping {
			return err
		}
		o.report(ctx, "record outcome of callback, will try again", err)
		select {
		case <-o.stopping:
		case <-time.After(pause):
		}
	}
}

func (o *Outbox) record(ctx context.Context, a *attempt, v verdict) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	return o.change(ctx, a, func(q *bun.UpdateQuery) {
		q.Set("version = version + 1").Set("lease_until = NULL").Set("state = ?", v.state).
			Set("status = ?", v.status).Set("answer = ?", v.answer).Set("error = ?", v.reason)
		if v.state == Pending {
			q.Set("due_at = ?", v.due)
		} else {
			q.Set("settled_at = ?", o.now())
		}
	})
}

// change updates the message if the attempt still holds it, else errLost.
func (o *Outbox) change(ctx context.Context, a *attempt, set func(q *bun.UpdateQuery)) error {
	return o.db.InTx(ctx, func(ctx context.Context, tx database.Tx) error {
		query := tx.NewUpdate().Model((*messageRow)(nil)).Where("id = ? AND version = ? AND state = 'pending'", a.ID, a.Version)
		set(query)
		changed, err := query.Exec(ctx)
		if err != nil {
			return err
		}
		if n, err := changed.RowsAffected(); err != nil || n != 1 {
			return errors.Join(errLost, err)
		}
		return nil
	})
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
