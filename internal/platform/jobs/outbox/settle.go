package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"granary/internal/platform/database"
)

// settleTime bounds one try at recording outcomes.
const settleTime = 10 * time.Second

// settleBatch is how many outcomes one transaction records.
const settleBatch = 64

// settlement is an outcome on its way to the database.
type settlement struct {
	attempt *attempt
	verdict verdict
	// recorded gets nil, errLost or the error of the transaction.
	recorded chan error
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
		s := settlement{attempt: a, verdict: v, recorded: make(chan error, 1)}
		o.outcomes <- s
		err := <-s.recorded
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

// recorder writes the outcomes that wait together in one transaction, until
// the channel is closed.
func (o *Outbox) recorder(ctx context.Context) {
	for first := range o.outcomes {
		batch := append(make([]settlement, 0, settleBatch), first)
		for waiting := true; waiting && len(batch) < settleBatch; {
			select {
			case s, ok := <-o.outcomes:
				if waiting = ok; ok {
					batch = append(batch, s)
				}
			default:
				waiting = false
			}
		}
		results, err := o.record(ctx, batch)
		for i, s := range batch {
			if err == nil {
				s.recorded <- results[i]
			} else {
				s.recorded <- err
			}
		}
	}
}

// record writes a batch; the answer has errLost for each message that its
// attempt does not hold any more.
func (o *Outbox) record(ctx context.Context, batch []settlement) ([]error, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	results := make([]error, len(batch))
	err := o.db.InTx(ctx, func(ctx context.Context, tx database.Tx) error {
		clear(results) // of a run that met a conflict
		now := o.now()
		for i, s := range batch {
			a, v := s.attempt, s.verdict
			query := tx.NewUpdate().Model((*messageRow)(nil)).Where("id = ? AND version = ? AND state = 'pending'", a.ID, a.Version).
				Set("version = version + 1").Set("lease_until = NULL").Set("state = ?", v.state).
				Set("status = ?", v.status).Set("answer = ?", v.answer).Set("error = ?", v.reason)
			if v.state == Pending {
				query.Set("due_at = ?", v.due)
			} else {
				query.Set("settled_at = ?", now)
			}
			changed, err := query.Exec(ctx)
			if err != nil {
				return err
			}
			n, err := changed.RowsAffected()
			if err != nil {
				return err
			}
			if n != 1 {
				results[i] = errLost
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("record %d outcomes: %w", len(batch), err)
	}
	return results, nil
}
