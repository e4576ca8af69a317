package jobs

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"granary/internal/platform/database"
)

// progressEvery is how often Progress reaches the database; what comes
// between is stored with the next renewal of the lease. A write costs a
// synced commit, a handler may report every item.
const progressEvery = 250 * time.Millisecond

// Keeper is what an engine offers one attempt. All methods are safe for
// concurrent use.
type Keeper interface {
	// Renew extends the lease and stores the progress. It answers ErrLost
	// when the attempt is no longer the live one and ErrCancelled when the
	// job was told to stop.
	Renew(ctx context.Context, progress Progress) error
	// Commit runs fn, stores the progress and marks the job succeeded in one
	// transaction. It answers ErrLost or ErrCancelled, without an effect,
	// like Renew.
	Commit(ctx context.Context, progress Progress, fn func(ctx context.Context, tx database.Tx) error) error
	// Save runs fn in a transaction that commits only while the attempt is
	// the live one. It answers ErrLost or ErrCancelled like Renew.
	Save(ctx context.Context, fn func(ctx context.Context, tx database.Tx) error) error
}

// Run is one attempt as its handler sees it. Safe for concurrent use.
type Run struct {
	id      string
	attempt int
	device  string
	keeper  Keeper
	record  Record
	now     func() time.Time
	stop    context.CancelCauseFunc

	mu        sync.Mutex
	progress  Progress
	stored    time.Time // when progress last reached the database
	committed bool
}

// JobID returns the job's id.
func (r *Run) JobID() string { return r.id }

// Attempt returns the attempt's number, from 1.
func (r *Run) Attempt() int { return r.attempt }

// Device returns the index of the device that the job has to itself while it
// runs, as in Config.Devices; empty for kinds that ask for none.
func (r *Run) Device() string { return r.device }

// Progress records that done of total units are finished (total 0: unknown).
// It may be called for every item. An error means that the attempt must end:
// ErrLost, ErrCancelled, or the database's.
func (r *Run) Progress(ctx context.Context, done, total int64, note string) error {
	now := r.now()
	r.mu.Lock()
	r.progress = Progress{Done: done, Total: total, Note: Clip(strings.ToValidUTF8(note, "�"))}
	due := r.stored.IsZero() || now.Sub(r.stored) >= progressEvery || done == total
	if due {
		r.stored = now
	}
	r.mu.Unlock()
	if !due {
		return context.Cause(ctx)
	}
	return r.renew(ctx)
}

// Commit runs fn in a transaction that also marks the job succeeded, so that
// the result is accepted exactly once and only from the live attempt. Like
// with InTx, fn may run more than once and must have no effect but its
// queries. It answers ErrLost, ErrCancelled or ErrCommitted without an effect
// where the result is not wanted; the handler then returns that error. Once
// it returned nil, nothing that the handler returns changes the success.
func (r *Run) Commit(ctx context.Context, fn func(ctx context.Context, tx database.Tx) error) error {
	r.mu.Lock()
	committed := r.committed
	r.mu.Unlock()
	if committed {
		return ErrCommitted
	}
	r.record.Flush(ctx) // whoever sees the success sees all that led to it
	if err := r.keeper.Commit(ctx, r.current(), fn); err != nil {
		r.endOn(err)
		return err
	}
	r.mu.Lock()
	r.committed = true
	r.mu.Unlock()
	return nil
}

func (r *Run) renew(ctx context.Context) error {
	err := r.keeper.Renew(ctx, r.current())
	r.endOn(err)
	return err
}

// endOn ends the attempt's context when the engine says that it is over.
func (r *Run) endOn(err error) {
	for _, cause := range []error{ErrLost, ErrCancelled} {
		if errors.Is(err, cause) {
			r.stop(cause)
		}
	}
}

func (r *Run) current() Progress {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.progress
}

func (r *Run) isCommitted() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.committed
}
