package outbox

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"granary/internal/platform/database"
)

// errLost ends an attempt whose message was taken from it: silenced, or
// claimed by another process after the lease ran out.
var errLost = errors.New("the delivery was taken over or silenced")

// attempt is one claimed delivery.
type attempt struct {
	messageRow
	// until is when the lease runs out.
	until time.Time
}

// claim takes messages for a lease in one transaction, and drops those that
// are to be skipped. The answer has an attempt for each head that was taken and
// nil for the others: what changed since it was found is not taken.
func (o *Outbox) claim(ctx context.Context, heads []head) ([]*attempt, error) {
	attempts := make([]*attempt, len(heads))
	err := o.db.InTx(ctx, func(ctx context.Context, tx database.Tx) error {
		clear(attempts) // of a run that met a conflict
		now := o.now()
		until := now.Add(o.cfg.Lease)
		for i, h := range heads {
			query := tx.NewUpdate().Model((*messageRow)(nil)).Set("version = version + 1").
				Where("id = ? AND version = ? AND state = 'pending'", h.ID, h.Version).
				Where("(lease_until IS NULL OR lease_until <= ?)", now).
				Where("NOT EXISTS (SELECT 1 FROM outbox_messages AS e WHERE e.state = 'pending' AND e.stream = ? AND e.seq < ?)", h.Stream, h.Seq)
			if h.Skip {
				query.Set("state = ?", Dropped).Set("settled_at = ?", now).Set("lease_until = NULL")
			} else {
				query.Set("attempts = attempts + 1").Set("attempted_at = ?", now).Set("lease_until = ?", until)
			}
			changed, err := query.Exec(ctx)
			if err != nil {
				return err
			}
			n, err := changed.RowsAffected()
			if err != nil {
				return err
			}
			if n != 1 || h.Skip {
				continue
			}
			a := &attempt{until: until}
			if err := tx.NewSelect().Model(&a.messageRow).Where("id = ?", h.ID).Scan(ctx); err != nil {
				return err
			}
			attempts[i] = a
		}
		return nil
	})
	if err != nil {
		return make([]*attempt, len(heads)), fmt.Errorf("claim %d callbacks: %w", len(heads), err)
	}
	return attempts, nil
}

// send delivers one message once, and tells whether its stream may be looked
// at again now: not after an error, which the next look meets anyhow.
func (o *Outbox) send(ctx context.Context, a *attempt) (more bool) {
	began := o.cfg.Now()
	posted := o.post(ctx, a)
	v := o.judge(a, posted)
	o.metrics.observe(v.outcome, o.cfg.Now().Sub(began))
	o.tell(ctx, a, v)
	if v.outcome == lost {
		return true
	}
	err := o.settle(ctx, a, v)
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
	var body string
	err := o.db.Reader().NewSelect().Model((*bodyRow)(nil)).Column("body").Where("message_id = ?", a.ID).Scan(ctx, &body)
	if err != nil {
		o.report(ctx, "read body of callback", err)
		return result{err: errors.New("the body could not be read")}
	}
	return o.poster.post(ctx, a.ID, a.URL, body)
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
		err := o.extend(ctx, a, until)
		switch {
		case err == nil:
			a.until = until
		case errors.Is(err, errLost), o.now().After(a.until):
			cancel(errLost)
			return
		}
	}
}

// extend renews the lease if the attempt still holds its message, else errLost.
func (o *Outbox) extend(ctx context.Context, a *attempt, until time.Time) error {
	return o.db.InTx(ctx, func(ctx context.Context, tx database.Tx) error {
		changed, err := tx.NewUpdate().Model((*messageRow)(nil)).Set("lease_until = ?", until).
			Where("id = ? AND version = ? AND state = 'pending'", a.ID, a.Version).Exec(ctx)
		if err != nil {
			return err
		}
		if n, err := changed.RowsAffected(); err != nil || n != 1 {
			return errors.Join(errLost, err)
		}
		return nil
	})
}
