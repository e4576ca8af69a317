package outbox

import (
	"context"
	"fmt"
	"time"
)

// echo is the first pause between a wake and the look after it. Add wakes
// before its transaction commits, so the dispatcher looks again in doubling
// steps until it is back at Config.Poll.
const echo = 4 * time.Millisecond

// idleShare is how many times longer than a look the dispatcher pauses after it
// at least, so that a large backlog cannot keep the database busy.
const idleShare = 4

// lookLimit is how many heads one look brings.
const lookLimit = 512

// dispatch looks for streams whose head is due and starts a sender for each,
// until Stop. ctx is that of the senders.
func (o *Outbox) dispatch(ctx context.Context) {
	var cleaned time.Time
	var ready []head
	pause := echo
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		freed := false
		select {
		case <-o.stopping:
			return
		case <-o.wake:
			pause = echo
		case <-o.done:
			freed = true
		case <-timer.C:
			pause = min(2*pause, o.cfg.Poll)
		}
		if now := o.now(); now.Sub(cleaned) >= cleanEvery {
			cleaned = now
			o.report(ctx, "clean settled callbacks", o.clean(ctx))
		}
		if !freed || len(ready) == 0 {
			began := time.Now()
			found, due, err := o.look(ctx)
			o.report(ctx, "look for due callbacks", err)
			ready = found
			timer.Reset(max(min(pause, due), idleShare*time.Since(began)))
		}
		ready = o.begin(ctx, ready)
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

// look returns the heads that are due, and in how long the next one will be.
func (o *Outbox) look(ctx context.Context) (ready []head, due time.Duration, err error) {
	now := o.now()
	if err := o.db.Reader().NewRaw(headsQuery, now, now, lookLimit).Scan(ctx, &ready); err != nil {
		return nil, o.cfg.Poll, fmt.Errorf("find heads of streams: %w", err)
	}
	for i, h := range ready {
		if wait := h.ReadyAt.Sub(now); wait > 0 {
			return ready[:i], wait, nil
		}
	}
	return ready, o.cfg.Poll, nil
}

// begin claims as many heads as there is room for and starts their senders. It
// returns those that there was no room for. Heads may be out of date: what
// changed since the look is not claimed.
func (o *Outbox) begin(ctx context.Context, ready []head) (rest []head) {
	var picked []head
	for _, h := range ready {
		switch o.enter(h) {
		case entered:
			picked = append(picked, h)
		case full:
			rest = append(rest, h)
		case taken: // the end of its delivery calls for a new look
		}
	}
	if len(picked) == 0 {
		return rest
	}
	claimed, err := o.claim(ctx, picked)
	if err != nil {
		o.report(ctx, "claim callbacks", err)
	}
	more := false
	for i, h := range picked {
		a := claimed[i]
		if a == nil { // dropped, or another process was first
			o.leave(h)
			more = more || err == nil && h.Skip
			continue
		}
		o.senders.Go(func() {
			more := o.send(ctx, a)
			o.leave(h)
			if more {
				signal(o.done)
			}
		})
	}
	if more {
		signal(o.wake)
	}
	return rest
}

// entry says how enter went.
type entry uint8

const (
	entered entry = iota
	taken         // this process delivers the stream already
	full
)

// enter takes a slot, the stream and memory for the body, or refuses.
func (o *Outbox) enter(h head) entry {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, busy := o.busy[h.Stream]; busy {
		return taken
	}
	if len(o.busy) >= o.cfg.Parallel || !o.room.TryAcquire(h.Size) {
		return full
	}
	o.busy[h.Stream] = struct{}{}
	return entered
}

func (o *Outbox) leave(h head) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.busy, h.Stream)
	o.room.Release(h.Size)
}
