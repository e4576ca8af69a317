package jobs

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"granary/internal/platform/database"
	"granary/internal/platform/fault"
)

// Args are the arguments of one job kind: a struct that encodes to JSON, with
// Kind on the value receiver. They are stored in plain text and shown to
// administrators, so they name things by id and never carry a secret.
type Args interface {
	// Kind is the kind's lasting snake_case name, such as retrain_model.
	Kind() string
}

// Keyed are arguments of which at most one job may wait: while a job of the
// same kind and key has not begun its first attempt, Enqueue returns that
// job's id instead of adding another. A job that has begun no longer counts,
// since it may have read its input already.
type Keyed interface {
	Args
	UniqueKey() string
}

// Engine keeps and runs jobs. It is safe for concurrent use. All methods but
// Start and Stop work without Start, so that a command can enqueue or cancel
// beside a running server.
type Engine interface {
	// Enqueue adds a job in the caller's transaction: the job exists exactly
	// if that commits. The kind must be registered. Errors: Invalid, TooLarge
	// (arguments over MaxArgsBytes), Unavailable (queue full).
	Enqueue(ctx context.Context, tx database.Tx, args Args, opts ...Option) (id string, err error)
	// Cancel ends a waiting job at once and tells a running one to stop: its
	// context ends with ErrCancelled. Durable; no effect on a finished job.
	Cancel(ctx context.Context, id string) error
	// Retry makes a waiting job, or one that ended without success, due now
	// with at least one more attempt. Errors: NotFound, Conflict (running or succeeded).
	Retry(ctx context.Context, id string) error
	// Get returns one job, or NotFound.
	Get(ctx context.Context, id string) (Job, error)
	// List returns jobs newest first.
	List(ctx context.Context, filter Filter) (Page, error)
	// Stats returns the depth of every queue and state that has jobs.
	Stats(ctx context.Context) ([]Depth, error)
	// Rates returns how many jobs of each queue finished since then; queues
	// without any are left out.
	Rates(ctx context.Context, since time.Time) ([]Rate, error)
	// Start begins to run jobs of the registered kinds and returns. Jobs
	// inherit the values of ctx but not its end: only Stop ends them.
	Start(ctx context.Context) error
	// Stop takes no further job, waits Config.Grace for the running ones,
	// then ends their contexts with ErrDraining, upon which they return to
	// the queue without losing an attempt. It blocks and is idempotent. A
	// handler that ignores its context for ReturnTime is left to its lease.
	Stop()
}

// ReturnTime is how long Stop waits for handlers whose context it ended.
const ReturnTime = 10 * time.Second

// Config is common to both engines. The zero value is usable.
type Config struct {
	// Slots is how many jobs of one queue run at once in this process, kinds
	// with a Concurrency or a device of their own not counted. Defaults to 4.
	Slots int
	// QueueSlots overrides Slots by queue; with 1 a queue runs one job after
	// another. Kinds with a device are bounded by it, too.
	QueueSlots map[string]int
	// CPUShares bounds the jobs without a device that run at once in this
	// process, over all queues. Unbounded when 0.
	CPUShares int
	// Devices are the indices of the GPUs that this process may use. Each runs
	// one job at a time, whichever the queue; a process without any runs no
	// job that needs one. Two processes of one machine that name the same
	// device both use it: the operator divides them.
	Devices []string
	// Weights are the shares of the queues where there are more due jobs than
	// CPUShares or Devices allow: a queue of weight 3 begins three jobs for
	// each of a queue of weight 1. Defaults to 1.
	Weights map[string]int
	// Queues limits which queues this process works; empty means all.
	Queues []string
	// Lease is for how long an attempt is believed alive after its last
	// renewal; it is renewed three times as often. Defaults to 15 s.
	Lease time.Duration
	// Poll is how often the engine looks for what nobody announced to it: due
	// dates, other processes' jobs and cancellations, expired leases, schedules.
	// Defaults to 500 ms.
	Poll time.Duration
	// Grace is what running jobs get at Stop. Defaults to 10 s.
	Grace time.Duration
	// Retention is for how long finished jobs are kept. Defaults to 30 days.
	Retention time.Duration
	// KeepFinished bounds the number of finished jobs. Defaults to 10,000.
	KeepFinished int
	// MaxWaiting bounds the jobs that wait in one queue; Enqueue answers
	// Unavailable beyond it. A process counts again once it has filled half of
	// what was free, so several may pass the bound together. Defaults to 10,000.
	MaxWaiting int
	// Recorder keeps what the jobs say. Defaults to nobody.
	Recorder Recorder
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
	// Log receives one line per attempt that did not succeed. Defaults to
	// discarding.
	Log *slog.Logger
	// Observer is told of every attempt. Defaults to nobody.
	Observer Observer
}

// Observer counts and times attempts for metrics. Safe for concurrent use.
type Observer interface {
	// JobStarted says how long the job had been due.
	JobStarted(kind string, waited time.Duration)
	// JobEnded says how the attempt ended: succeeded, failed, timed_out,
	// cancelled, again, returned or abandoned.
	JobEnded(kind, outcome string, took time.Duration)
}

type unobserved struct{}

func (unobserved) JobStarted(string, time.Duration)       {}
func (unobserved) JobEnded(string, string, time.Duration) {}

// minTick is the least Lease and Poll: tickers refuse anything near zero.
const minTick = time.Millisecond

// WithDefaults returns c with every field that is unset or negative at its
// default.
func (c Config) WithDefaults() Config {
	c.Slots = positive(c.Slots, 4)
	c.Lease = max(positive(c.Lease, 15*time.Second), 3*minTick)
	c.Poll = max(positive(c.Poll, 500*time.Millisecond), minTick)
	c.Grace = positive(c.Grace, 10*time.Second)
	c.Retention = positive(c.Retention, 30*24*time.Hour)
	c.KeepFinished = positive(c.KeepFinished, 10_000)
	c.MaxWaiting = positive(c.MaxWaiting, 10_000)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Recorder == nil {
		c.Recorder = silent{}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Observer == nil {
		c.Observer = unobserved{}
	}
	return c
}

// works reports whether this process works the queue.
func (c Config) works(queue string) bool {
	return len(c.Queues) == 0 || slices.Contains(c.Queues, queue)
}

func positive[T int | time.Duration](value, otherwise T) T {
	if value <= 0 {
		return otherwise
	}
	return value
}

// NoSuchJob is the error for an id that names no job.
func NoSuchJob() error { return fault.New(fault.NotFound, "no such job") }

// QueueFull is the error of Enqueue beyond Config.MaxWaiting.
func QueueFull(queue string) error {
	return fault.New(fault.Unavailable, "the %s queue is full; try again later", queue).After(time.Minute)
}
