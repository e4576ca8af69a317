// Package journal keeps what jobs say while they run: lines, warnings,
// errors, bars and the begin and end of each attempt. It owns the tables
// job_events and job_views. It does not own the jobs' states, which their
// rows hold, nor who may read a journal (jobs.Desk).
//
//	Run.Info … ─► record: in memory, bounded ─┐
//	Run.Bar  … ─► record ─────────────────────┤ every 250 ms, before a result
//	                                          ▼ and at an attempt's end
//	                  one transaction for all jobs: job_events, job_views
//	                                          │
//	View ◄── one row          Events ◄────────┤
//	                          Follow ◄────────┘ signal in this process, else a look
//
// A job that succeeds at once and says nothing leaves no row here: that it
// was queued, started and finished stands in its own row, and readers take it
// from there. So a state that is told is always one that was committed.
package journal

import (
	"context"
	"embed"
	"errors"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"granary/internal/platform/database"
	"granary/internal/platform/jobs"
)

//go:embed migrations/*.sql
var files embed.FS

// Migrations returns the journal's schema.
func Migrations() database.Migrations {
	sub, err := fs.Sub(files, "migrations")
	if err != nil {
		panic(err) // the path is a constant of this file
	}
	return database.Migrations{Owner: "journal", Files: sub}
}

// Bounds of one job's journal.
const (
	// MaxEvents is how many lines of a job are kept; the oldest go first.
	MaxEvents = 2000
	// MaxInfos is how many of the latest lines a View has.
	MaxInfos = 10
	// MaxWarnings and MaxErrors are how many of the latest of those.
	MaxWarnings = 50
	MaxErrors   = 50
	// MaxBars is how many bars a job shows; the oldest goes first.
	MaxBars = 32
	// maxViewLine bounds a line in a View, in bytes.
	maxViewLine = 1 << 10
)

// Config tunes a journal. The zero value is usable.
type Config struct {
	// Every is how often what jobs say is stored. Defaults to 250 ms.
	Every time.Duration
	// BarEvery is how often one job's bars are. Defaults to 1 s.
	BarEvery time.Duration
	// Look is how often Follow looks for what other processes stored, at
	// least. Defaults to 1 s.
	Look time.Duration
	// MaxFollowers bounds those who follow at once. Defaults to 1,024.
	MaxFollowers int
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
	// Log receives what could not be stored. Defaults to discarding.
	Log *slog.Logger
}

func (c Config) withDefaults() Config {
	if c.Every <= 0 {
		c.Every = 250 * time.Millisecond
	}
	if c.BarEvery <= 0 {
		c.BarEvery = time.Second
	}
	if c.Look <= 0 {
		c.Look = time.Second
	}
	if c.MaxFollowers <= 0 {
		c.MaxFollowers = 1024
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Source knows how a job stands. An engine is one, and a desk, which also
// decides who may see it.
type Source interface {
	Get(ctx context.Context, id string) (jobs.Job, error)
}

// Journal implements jobs.Recorder. Safe for concurrent use.
type Journal struct {
	db  *database.DB
	cfg Config

	turn    chan struct{} // held by the one who stores
	waiting chan struct{} // holds one token: a record has something to store

	stopping chan struct{}
	stopOnce sync.Once
	released chan struct{}
	release  sync.Once
	loops    sync.WaitGroup

	views views

	mu        sync.Mutex
	started   bool
	dirty     map[*record]struct{}
	followers map[string]map[chan struct{}]struct{} // by job id
	following int
}

var _ jobs.Recorder = (*Journal)(nil)

// New returns a journal on a migrated database. It can be read at once and
// records once it was started.
func New(db *database.DB, cfg Config) *Journal {
	return &Journal{
		db: db, cfg: cfg.withDefaults(),
		turn: make(chan struct{}, 1), waiting: make(chan struct{}, 1),
		stopping: make(chan struct{}), released: make(chan struct{}),
		dirty: map[*record]struct{}{}, followers: map[string]map[chan struct{}]struct{}{},
	}
}

// Start begins to store what is recorded, and to remove the journals of jobs
// that source does not know any more. Start it before the job engine and stop
// it afterwards. ctx gives values only; Stop ends what it began.
func (j *Journal) Start(ctx context.Context, source Source) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.started {
		return errors.New("the job journal was started before")
	}
	j.started = true
	ctx = context.WithoutCancel(ctx)
	j.loops.Go(func() { j.storeLoop(ctx) })
	j.loops.Go(func() { j.sweepLoop(ctx, source) })
	return nil
}

// Release ends every Follow, as Stop does, so that requests can drain while
// jobs are still recorded.
func (j *Journal) Release() { j.release.Do(func() { close(j.released) }) }

// Stop stores what is left and ends every Follow. It blocks and is idempotent.
func (j *Journal) Stop() {
	j.Release()
	j.stopOnce.Do(func() { close(j.stopping) })
	j.loops.Wait()
}

// stopTime bounds the last storing at Stop.
const stopTime = 5 * time.Second

// storeLoop stores every Config.Every while there is something. Storing takes
// at most a fifth of the time, so that a worker that floods its log does not
// keep the database from everybody else.
func (j *Journal) storeLoop(ctx context.Context) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for stopped := false; !stopped; {
		select {
		case <-j.stopping:
			stopped = true
		case <-j.waiting:
			select {
			case <-pause.C:
			case <-j.stopping:
				stopped = true
			}
		}
		begun := time.Now()
		bounded, cancel := context.WithTimeout(ctx, stopTime)
		err := j.store(bounded, stopped)
		cancel()
		j.report(ctx, "store what jobs said", err)
		wait := max(j.cfg.Every, 4*time.Since(begun))
		if err != nil {
			wait = max(wait, stopTime)
		}
		pause.Reset(wait)
	}
}

func (j *Journal) report(ctx context.Context, what string, err error) {
	if err != nil {
		j.cfg.Log.WarnContext(ctx, "job journal", "step", what, slog.Any("error", err))
	}
}

// mark notes that r has something to store.
func (j *Journal) mark(r *record) {
	j.mu.Lock()
	j.dirty[r] = struct{}{}
	j.mu.Unlock()
	select {
	case j.waiting <- struct{}{}:
	default: // a token is waiting already
	}
}
