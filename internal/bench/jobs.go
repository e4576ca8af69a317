package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"granary/internal/platform/database"
	"granary/internal/platform/jobs"
	"granary/internal/platform/jobs/local"
	"granary/internal/platform/jobs/river"
)

// JobsConfig says what to measure of the jobs platform.
type JobsConfig struct {
	// Binary is the program whose server is measured.
	Binary string
	// Version is printed with the report.
	Version string
	// Quick takes fewer rounds and jobs.
	Quick bool
	// Parts are what to measure: queue, worker, dataset, demos. Defaults to all.
	Parts []string
	// Postgres is the URL of a PostgreSQL server whose queue is measured, too,
	// in a schema of its own that is dropped afterwards. Empty means none.
	Postgres string
	// Progress is told what is being measured. Defaults to nobody.
	Progress io.Writer
}

// Jobs measures the jobs platform: the durable queue on SQLite and, if one is
// named, PostgreSQL, the worker protocol, a large data set, and what front ends
// of the demos service feel. Like Vision it returns an error only when something could not be measured.
func Jobs(ctx context.Context, cfg JobsConfig) (report *Report, err error) {
	if cfg.Progress == nil {
		cfg.Progress = io.Discard
	}
	report = &Report{Machine: ThisMachine(), Version: cfg.Version, Quick: cfg.Quick, Started: time.Now()}
	q := queueBench{rounds: 3, jobs: 20_000, idle: 100}
	messages, archive := 200_000, int64(2_000_000_000)
	d := demosBench{binary: cfg.Binary, rounds: 3, idle: 50, starts: 300, polls: 30_000, client: newClient()}
	if cfg.Quick {
		q = queueBench{rounds: 1, jobs: 5_000, idle: 20}
		d.rounds, d.idle, d.starts, d.polls = 1, 5, 100, 8_000
		messages, archive = 50_000, 200_000_000
	}
	folder, err := os.MkdirTemp("", "granary-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	d.folder = folder
	for _, part := range []struct {
		part, name string
		measure    func(context.Context) (Section, error)
	}{
		{"queue", "the queue on SQLite", func(ctx context.Context) (Section, error) {
			return q.sqlite(ctx, folder)
		}},
		{"queue", "the queue on PostgreSQL", func(ctx context.Context) (Section, error) {
			return q.postgres(ctx, cfg.Postgres)
		}},
		{"worker", "the worker protocol", func(ctx context.Context) (Section, error) {
			return WorkerMessages(ctx, q.rounds, messages)
		}},
		{"dataset", "a large data set", func(ctx context.Context) (Section, error) {
			return Documents(ctx, folder, q.rounds, archive)
		}},
		{"demos", "the demos service", d.measure},
	} {
		if len(cfg.Parts) > 0 && !slices.Contains(cfg.Parts, part.part) || cfg.Postgres == "" && part.name == "the queue on PostgreSQL" {
			continue
		}
		fmt.Fprintln(cfg.Progress, "measuring", part.name)
		section, err := part.measure(ctx)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", part.name, err)
		}
		report.Sections = append(report.Sections, section)
	}
	report.Took = time.Since(report.Started)
	return report, nil
}

// queueBench measures a queue with a no-op kind of job.
type queueBench struct{ rounds, jobs, idle int }

// callers is how many enqueue at once, each job in a transaction of its own,
// and how many jobs run at once.
const callers = 64

// noop is a job that does nothing.
type noop struct {
	N int `json:"n"`
}

// Kind implements jobs.Args.
func (noop) Kind() string { return "bench_noop" }

func (q queueBench) sqlite(ctx context.Context, folder string) (section Section, err error) {
	section.Title = "queue on SQLite"
	db, err := database.Open(ctx, database.Config{URL: "sqlite:" + filepath.Join(folder, "queue.db")})
	if err != nil {
		return section, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.Migrate(ctx, local.Migrations()); err != nil {
		return section, err
	}
	return section, q.measure(ctx, &section, db, 2_000, func(reg *jobs.Registry, cfg jobs.Config) (jobs.Engine, error) {
		return local.New(db, reg, cfg)
	})
}

func (q queueBench) postgres(ctx context.Context, url string) (section Section, err error) {
	section.Title = "queue on PostgreSQL"
	url, drop, err := freshSchema(ctx, url)
	if err != nil {
		return section, err
	}
	defer func() { err = errors.Join(err, drop(context.WithoutCancel(ctx))) }()
	db, err := database.Open(ctx, database.Config{URL: url, MaxConns: 16})
	if err != nil {
		return section, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := river.Migrate(ctx, db); err != nil {
		return section, err
	}
	return section, q.measure(ctx, &section, db, 4_000, func(reg *jobs.Registry, cfg jobs.Config) (jobs.Engine, error) {
		return river.New(db, reg, cfg)
	})
}

// measure fills the section. An engine's handler sends the number of each job
// that it begins.
func (q queueBench) measure(ctx context.Context, section *Section, db *database.DB, target float64,
	open func(*jobs.Registry, jobs.Config) (jobs.Engine, error),
) error {
	began := make(chan time.Time, q.jobs)
	reg := jobs.NewRegistry()
	err := jobs.Register(reg, jobs.Policy{}, func(context.Context, *jobs.Run, noop) error {
		began <- time.Now()
		return nil
	})
	if err != nil {
		return err
	}
	engine, err := open(reg, jobs.Config{Slots: callers, MaxWaiting: 2 * q.jobs, KeepFinished: 10 * q.jobs})
	if err != nil {
		return err
	}
	if err := engine.Start(ctx); err != nil {
		return err
	}
	defer engine.Stop()
	var rates, enqueues []float64
	for round := range q.rounds {
		rate, enqueue, err := q.rush(ctx, db, engine, began, (round+1)*q.jobs)
		if err != nil {
			return err
		}
		rates, enqueues = append(rates, rate), append(enqueues, enqueue)
	}
	section.add("jobs, enqueued, run and stored as succeeded", "1/s", rates...).atLeast(target)
	section.add("of which a caller's enqueue takes, median", "ms", enqueues...)
	commits, starts, err := q.starts(ctx, db, engine, began)
	if err != nil {
		return err
	}
	section.add("idle: enqueue, with commit", "ms", median(milliseconds(commits)))
	section.add("idle: from the commit to the handler, median", "ms", median(milliseconds(starts)))
	section.add("idle: from the commit to the handler, 99 of 100", "ms", quantile(milliseconds(starts), 0.99)).atMost(30)
	return nil
}

// rush enqueues all jobs of a round from many callers and waits until the
// database says that so many have succeeded. It returns jobs per second and
// the median of the enqueues in milliseconds.
func (q queueBench) rush(ctx context.Context, db *database.DB, engine jobs.Engine, began <-chan time.Time, total int) (rate, enqueue float64, err error) {
	start := time.Now()
	took := make([]time.Duration, q.jobs)
	group, enqueueing := errgroup.WithContext(ctx)
	for caller := range callers {
		group.Go(func() error {
			for n := caller; n < q.jobs; n += callers {
				at := time.Now()
				if err := add(enqueueing, db, engine, n); err != nil {
					return err
				}
				took[n] = time.Since(at)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return 0, 0, err
	}
	for range q.jobs {
		if _, err := next(ctx, began); err != nil {
			return 0, 0, err
		}
	}
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for {
		succeeded, err := succeeded(ctx, engine)
		if err != nil {
			return 0, 0, err
		}
		if succeeded >= int64(total) {
			return float64(q.jobs) / time.Since(start).Seconds(), median(milliseconds(took)), nil
		}
		select {
		case <-ctx.Done():
			return 0, 0, ctx.Err()
		case <-ticker.C:
		}
	}
}

// starts enqueues single jobs into the idle queue and returns how long each
// took to commit, and from then on to begin.
func (q queueBench) starts(ctx context.Context, db *database.DB, engine jobs.Engine, began <-chan time.Time) (commits, starts []time.Duration, err error) {
	for n := range q.idle {
		at := time.Now()
		if err := add(ctx, db, engine, n); err != nil {
			return nil, nil, err
		}
		committed := time.Now()
		start, err := next(ctx, began)
		if err != nil {
			return nil, nil, err
		}
		commits, starts = append(commits, committed.Sub(at)), append(starts, max(start.Sub(committed), 0))
	}
	return commits, starts, nil
}

func add(ctx context.Context, db *database.DB, engine jobs.Engine, n int) error {
	return db.InGroup(ctx, func(ctx context.Context, tx database.Tx) error {
		_, err := engine.Enqueue(ctx, tx, noop{N: n})
		return err
	})
}

func next(ctx context.Context, began <-chan time.Time) (time.Time, error) {
	select {
	case at := <-began:
		return at, nil
	case <-ctx.Done():
		return time.Time{}, ctx.Err()
	}
}

func succeeded(ctx context.Context, engine jobs.Engine) (int64, error) {
	depths, err := engine.Stats(ctx)
	for _, depth := range depths {
		if depth.State == jobs.Succeeded {
			return depth.Count, err
		}
	}
	return 0, err
}
