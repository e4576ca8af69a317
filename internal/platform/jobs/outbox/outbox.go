package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"granary/internal/platform/database"
	"granary/internal/platform/fetch"
	"granary/internal/platform/jobs"
)

// Config has the outbox's settings; the zero value is complete.
type Config struct {
	// Parallel is how many streams this process delivers at once. Defaults to 32.
	Parallel int
	// Poll is how often the outbox looks for what nobody announced to it:
	// messages of other processes, expired leases. Defaults to 1 s.
	Poll time.Duration
	// Lease is for how long a delivery is believed alive after its last
	// renewal; it is renewed three times as often. Defaults to 15 s.
	Lease time.Duration
	// ResponseTimeout bounds an attempt up to the answer's header; dialling has
	// 10 s of it. Receivers work before they answer. Defaults to 15 min.
	ResponseTimeout time.Duration
	// Backoff is the pause after the n-th failed attempt, n from 1. Defaults
	// to 1 s doubling up to 5 min.
	Backoff func(attempt int) time.Duration
	// GiveUp is for how long a message is tried, from when it was due first;
	// each gets one attempt at least. Defaults to 24 h.
	GiveUp time.Duration
	// Grace is what open deliveries get at Stop. Defaults to 10 s.
	Grace time.Duration
	// MaxBody bounds a body in bytes. Defaults to 64 MiB.
	MaxBody int
	// WarnBody is the size in bytes from which a warning is logged, because
	// receivers commonly refuse longer ones. Defaults to 25,000,000.
	WarnBody int
	// MaxPending bounds the messages that wait in one stream; a final one is
	// always taken. Defaults to 20,000.
	MaxPending int
	// Retention is for how long settled messages are kept. Defaults to 30 days.
	Retention time.Duration
	// KeepSettled bounds the number of settled messages. Defaults to 20,000.
	KeepSettled int
	// KeepBytes bounds the bodies of settled messages. Defaults to 256 MiB.
	KeepBytes int64
	// Secret signs each POST when it is not empty.
	Secret []byte
	// Policy says which addresses may be reached; one that may not fails the
	// message at once. Link-local ones may not by default.
	Policy fetch.Policy
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
	// Log hears of what was not delivered. Defaults to discarding.
	Log *slog.Logger
}

func (c Config) withDefaults() Config {
	c.Parallel = positive(c.Parallel, 32)
	c.Poll = positive(c.Poll, time.Second)
	c.Lease = positive(c.Lease, 15*time.Second)
	c.ResponseTimeout = positive(c.ResponseTimeout, 15*time.Minute)
	c.GiveUp = positive(c.GiveUp, 24*time.Hour)
	c.Grace = positive(c.Grace, 10*time.Second)
	c.MaxBody = positive(c.MaxBody, 64<<20)
	c.WarnBody = positive(c.WarnBody, 25_000_000)
	c.MaxPending = positive(c.MaxPending, 20_000)
	c.Retention = positive(c.Retention, 30*24*time.Hour)
	c.KeepSettled = positive(c.KeepSettled, 20_000)
	c.KeepBytes = positive(c.KeepBytes, 256<<20)
	if c.Backoff == nil {
		c.Backoff = func(attempt int) time.Duration {
			return min(time.Second<<min(max(attempt-1, 0), 10), 5*time.Minute)
		}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

func positive[T int | int64 | time.Duration](value, otherwise T) T {
	if value <= 0 {
		return otherwise
	}
	return value
}

// maxOpenBytes bounds the bodies held in memory for open deliveries.
const maxOpenBytes = 256 << 20

// Outbox stores and delivers messages. Safe for concurrent use. All methods
// but Start and Stop work without Start, so that a process may add messages
// that another one delivers.
type Outbox struct {
	db      *database.DB
	cfg     Config
	poster  *poster
	metrics *metrics

	wake chan struct{} // holds one token: a message may have been added
	done chan struct{} // holds one token: a delivery ended, look for more
	room *semaphore.Weighted
	// outcomes lead from the senders to the recorder.
	outcomes chan settlement

	mu       sync.Mutex
	busy     map[string]struct{} // streams that this process delivers
	started  bool
	stopping chan struct{}
	stopOnce sync.Once
	loop     sync.WaitGroup
	senders  sync.WaitGroup
	records  sync.WaitGroup
	abort    context.CancelCauseFunc // ends the open POSTs
}

// New returns an outbox on a migrated database. It sends nothing before Start.
func New(db *database.DB, cfg Config) *Outbox {
	cfg = cfg.withDefaults()
	return &Outbox{
		db: db, cfg: cfg, poster: newPoster(cfg), metrics: newMetrics(),
		wake: make(chan struct{}, 1), done: make(chan struct{}, 1),
		room:     semaphore.NewWeighted(max(maxOpenBytes, int64(cfg.MaxBody))),
		outcomes: make(chan settlement, settleBatch),
		busy:     map[string]struct{}{}, stopping: make(chan struct{}),
		abort: func(error) {},
	}
}

func (o *Outbox) now() time.Time { return jobs.Stamp(o.cfg.Now()) }

func signal(token chan<- struct{}) {
	select {
	case token <- struct{}{}:
	default: // a token is waiting already
	}
}

// errStopping ends the POSTs that outlast Stop's grace.
var errStopping = errors.New("the outbox is stopping")

// Start begins to deliver and returns. Deliveries inherit the values of ctx
// but not its end: only Stop ends them. An outbox is started once.
func (o *Outbox) Start(ctx context.Context) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.started {
		return errors.New("the outbox was started before")
	}
	if err := o.db.Ping(ctx); err != nil {
		return fmt.Errorf("start outbox: %w", err)
	}
	o.started = true
	ctx, o.abort = context.WithCancelCause(context.WithoutCancel(ctx))
	o.loop.Go(func() { o.dispatch(ctx) })
	o.records.Go(func() { o.recorder(ctx) })
	return nil
}

// Stop begins no further delivery and waits Config.Grace for the open ones. It
// then breaks them off; they are sent again after the next Start, here or in
// another process. It blocks and is idempotent.
func (o *Outbox) Stop() {
	o.stopOnce.Do(o.stop)
}

func (o *Outbox) stop() {
	close(o.stopping)
	o.loop.Wait()
	ended := make(chan struct{})
	go func() {
		o.senders.Wait()
		close(ended)
	}()
	grace := time.NewTimer(o.cfg.Grace)
	defer grace.Stop()
	select {
	case <-ended:
	case <-grace.C:
	}
	o.mu.Lock()
	abort := o.abort
	o.mu.Unlock()
	abort(errStopping)
	<-ended
	close(o.outcomes)
	o.records.Wait()
	o.poster.close()
}
