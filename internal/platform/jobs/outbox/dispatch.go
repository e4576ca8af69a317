package outbox

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"
)

// echo is the first pause between a wake and the look after it. Add wakes
// before its transaction commits, so the dispatcher looks again in doubling
// steps until it is back at Config.Poll.
const echo = 4 * time.Millisecond

// dispatch looks for streams whose head is due and starts a sender for each,
// until Stop. ctx is that of the senders.
func (o *Outbox) dispatch(ctx context.Context) {
	var cleaned time.Time
	pause := echo
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-o.stopping:
			return
		case <-o.wake:
			pause = echo
		case <-o.done:
		case <-timer.C:
			pause = min(2*pause, o.cfg.Poll)
		}
		if now := o.now(); now.Sub(cleaned) >= cleanEvery {
			cleaned = now
			o.report(ctx, "clean settled callbacks", o.clean(ctx))
		}
		due, err := o.round(ctx)
		o.report(ctx, "look for due callbacks", err)
		timer.Reset(min(pause, max(due, 0)))
	}
}

// report logs what the next round tries again.
func (o *Outbox) report(ctx context.Context, what string, err error) {
	if err != nil {
		o.cfg.Log.ErrorContext(ctx, "outbox", "step", what, "error", err)
	}
}

// head is the oldest pending message of a stream.
type head struct {
	ID      string    `bun:"id"`
	Stream  string    `bun:"stream"`
	Seq     int64     `bun:"seq"`
	Size    int64     `bun:"size"`
	Version int64     `bun:"version"`
	ReadyAt time.Time `bun:"ready_at"`
	// Skip says that the message is to be dropped in favour of a later one.
	Skip bool `bun:"skip"`
}

// headsQuery hops from stream to stream through the index of pending messages,
// so that a stream costs the same however many messages wait in it.
const headsQuery = `WITH RECURSIVE streams (stream) AS (
 SELECT min(stream) FROM outbox_messages WHERE state = 'pending'
 UNION ALL
 SELECT (SELECT min(m.stream) FROM outbox_messages AS m WHERE m.state = 'pending' AND m.stream > s.stream)
 FROM streams AS s WHERE s.stream IS NOT NULL
), heads (id) AS (
 SELECT (SELECT m.id FROM outbox_messages AS m WHERE m.state = 'pending' AND m.stream = s.stream ORDER BY m.seq LIMIT 1)
 FROM streams AS s WHERE s.stream IS NOT NULL
), found AS (
 SELECT m.id, m.stream, m.seq, m.size, m.version, m.due_at, m.lease_until,
 m.droppable AND m.attempts > 0 AND EXISTS (
  SELECT 1 FROM outbox_messages AS l WHERE l.state = 'pending' AND l.stream = m.stream AND l.seq > m.seq) AS skip
 FROM heads AS h JOIN outbox_messages AS m ON m.id = h.id
)
SELECT id, stream, seq, size, version, skip,
 CASE WHEN lease_until > ? THEN lease_until WHEN skip THEN ? ELSE due_at END AS ready_at
FROM found ORDER BY ready_at, id LIMIT ?`

// heads returns up to limit heads, those that are ready first in front.
func (o *Outbox) heads(ctx context.Context, db bun.IDB, now time.Time, limit int) ([]head, error) {
	var found []head
	if err := db.NewRaw(headsQuery, now, now, limit).Scan(ctx, &found); err != nil {
		return nil, fmt.Errorf("find heads of streams: %w", err)
	}
	return found, nil
}

// round starts a sender for each head that is due while there is room, and
// returns in how long the next one will be.
func (o *Outbox) round(ctx context.Context) (due time.Duration, err error) {
	// Streams that this process delivers may come first in the list.
	now := o.now()
	found, err := o.heads(ctx, o.db.Reader(), now, 2*o.cfg.Parallel+1)
	if err != nil {
		return o.cfg.Poll, err
	}
	for _, h := range found {
		if wait := h.ReadyAt.Sub(now); wait > 0 {
			return wait, nil
		}
		if !o.enter(h) {
			continue
		}
		o.senders.Go(func() {
			more := o.send(ctx, h)
			o.leave(h)
			if more {
				signal(o.done)
			}
		})
	}
	return o.cfg.Poll, nil
}

// enter takes a slot, the stream and memory for the body, or refuses.
func (o *Outbox) enter(h head) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, taken := o.busy[h.Stream]; taken || len(o.busy) >= o.cfg.Parallel || !o.room.TryAcquire(h.Size) {
		return false
	}
	o.busy[h.Stream] = struct{}{}
	return true
}

func (o *Outbox) leave(h head) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.busy, h.Stream)
	o.room.Release(h.Size)
}
