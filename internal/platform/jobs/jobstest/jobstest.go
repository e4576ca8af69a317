// Package jobstest is the conformance suite of the job engines: what
// jobs.Engine promises, on fresh databases, with several engines on one
// database standing for several processes. An engine's own test is a call of
// Run.
package jobstest

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"granary/internal/platform/database"
	"granary/internal/platform/jobs"
)

// Store is one fresh, migrated database and the way to put engines on it.
type Store struct {
	DB *database.DB
	// New returns an engine that was not started; the suite stops it.
	New func(t *testing.T, reg *jobs.Registry, cfg jobs.Config) jobs.Engine
	// Expire makes the lease of a running job run out. It may be called again
	// while an attempt's renewal could have undone it.
	Expire func(t *testing.T, id string)
	// Now is the clock of the engines.
	Now func() time.Time
}

// Run runs the suite; open is called once per test.
func Run(t *testing.T, open func(t *testing.T) Store) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, Store){
		"enqueue commits with its transaction":       testAtomicEnqueue,
		"enqueue refuses what it cannot keep":        testRefusedEnqueue,
		"enqueue refuses when the queue is full":     testFullQueue,
		"one type serves many kinds":                 testConfiguredKinds,
		"a job runs once and succeeds":               testSuccess,
		"a waiting job runs when the engine starts":  testWaitsForStart,
		"a commit wakes the engine":                  testWake,
		"several engines share the work":             testSharedWork,
		"a failed attempt is repeated after a pause": testRetry,
		"attempts are bounded":                       testMaxAttempts,
		"a permanent error ends the job":             testPermanent,
		"a time limit ends the attempt":              testTimeout,
		"a panic is a failed attempt":                testPanic,
		"unreadable arguments end the job":           testBadArguments,
		"cancel ends a waiting job":                  testCancelWaiting,
		"cancel reaches a running job":               testCancelRunning,
		"cancel leaves a finished job alone":         testCancelFinished,
		"retry runs a failed job again":              testRetryFailed,
		"retry refuses a succeeded job":              testRetrySucceeded,
		"retry makes a scheduled job due":            testRetryScheduled,
		"a scheduled job waits for its time":         testScheduled,
		"a key admits one waiting job":               testUnique,
		"racing enqueuers of one key share a job":    testUniqueRace,
		"priority orders the queue":                  testPriority,
		"a kind's concurrency is kept":               testKindConcurrency,
		"a queue's slots are kept":                   testQueueSlots,
		"only chosen queues are worked":              testChosenQueues,
		"an engine without work starts once":         testIdle,
		"stop returns running jobs":                  testDrain,
		"stop lets jobs finish in the grace":         testGrace,
		"a lost attempt is repeated and fenced off":  testFencing,
		"a lost last attempt fails the job":          testLostLastAttempt,
		"a service hears of every end":               testFinal,
		"a service hears of a cancel once":           testFinalCancelled,
		"a service hears of a lost job once":         testFinalLost,
		"a job ends only with its service's consent": testFinalRefused,
		"a device runs one job at a time":            testDevices,
		"without a device its jobs wait":             testNoDevice,
		"weights divide scarce slots":                testWeights,
		"a queue can run one job after another":      testQueueInTurn,
		"cancel is heard within a second":            testCancelSoon,
		"a schedule enqueues once for each time":     testSchedule,
		"another timing starts a schedule anew":      testScheduleChanged,
		"a commit succeeds with its transaction":     testCommit,
		"a commit that fails leaves nothing":         testCommitRollback,
		"a save is kept only from the live attempt":  testSave,
		"progress is visible while running":          testProgress,
		"list pages and filters":                     testList,
		"stats count states per queue":               testStats,
		"rates count finished jobs":                  testRates,
		"finished jobs are bounded":                  testRetention,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

// Work is the arguments of the suite's only kind.
type Work struct {
	Name string `json:"name"`
	Key  string `json:"key,omitempty"`
}

// Kind implements jobs.Args.
func (Work) Kind() string { return "test_work" }

// UniqueKey implements jobs.Keyed.
func (w Work) UniqueKey() string { return w.Key }

// Other is a second kind, in a queue of its own.
type Other struct{}

// Kind implements jobs.Args.
func (Other) Kind() string { return "test_other" }

type workFunc func(ctx context.Context, run *jobs.Run, args Work) error

// quick is a policy whose retries need no patience.
func quick() jobs.Policy {
	return jobs.Policy{Backoff: func(int) time.Duration { return time.Millisecond }}
}

// registry returns a registry with Work treated by fn and Other doing nothing.
func registry(t *testing.T, policy jobs.Policy, fn workFunc) *jobs.Registry {
	t.Helper()
	reg := jobs.NewRegistry()
	if err := jobs.Register(reg, policy, fn); err != nil {
		t.Fatalf("Register: %v", err)
	}
	err := jobs.Register(reg, jobs.Policy{Queue: "others"}, func(context.Context, *jobs.Run, Other) error { return nil })
	if err != nil {
		t.Fatalf("Register: %v", err)
	}
	return reg
}

// engine makes an engine that looks often and is stopped with the test.
func (s Store) engine(t *testing.T, reg *jobs.Registry, cfg jobs.Config) jobs.Engine {
	t.Helper()
	if cfg.Poll == 0 {
		cfg.Poll = 20 * time.Millisecond
	}
	cfg.Now = s.Now
	engine := s.New(t, reg, cfg)
	t.Cleanup(engine.Stop)
	return engine
}

// started is engine followed by Start.
func (s Store) started(t *testing.T, reg *jobs.Registry, cfg jobs.Config) jobs.Engine {
	t.Helper()
	engine := s.engine(t, reg, cfg)
	start(t, engine)
	return engine
}

func start(t *testing.T, engine jobs.Engine) {
	t.Helper()
	if err := engine.Start(t.Context()); err != nil {
		t.Fatalf("Start: %v", err)
	}
}

func (s Store) enqueue(t *testing.T, engine jobs.Engine, args jobs.Args, opts ...jobs.Option) string {
	t.Helper()
	id, err := s.tryEnqueue(t.Context(), engine, args, opts...)
	if err != nil {
		t.Fatalf("Enqueue(%v): %v", args, err)
	}
	return id
}

func (s Store) tryEnqueue(ctx context.Context, engine jobs.Engine, args jobs.Args, opts ...jobs.Option) (id string, err error) {
	err = s.DB.InTx(ctx, func(ctx context.Context, tx database.Tx) (err error) {
		id, err = engine.Enqueue(ctx, tx, args, opts...)
		return err
	})
	return id, err
}

func get(t *testing.T, engine jobs.Engine, id string) jobs.Job {
	t.Helper()
	job, err := engine.Get(t.Context(), id)
	if err != nil {
		t.Fatalf("Get(%s): %v", id, err)
	}
	return job
}

// patience bounds every wait of the suite; reaching it is a failure.
const patience = 30 * time.Second

// await waits until ok answers true.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for !ok() {
		select {
		case <-deadline.C:
			t.Fatalf("waited %s for %s", patience, what)
		case <-ticker.C:
		}
	}
}

func awaitState(t *testing.T, engine jobs.Engine, id string, want jobs.State) jobs.Job {
	t.Helper()
	var job jobs.Job
	await(t, "state "+string(want), func() bool {
		job = get(t, engine, id)
		return job.State == want
	})
	return job
}

// receive waits for the next value of c.
func receive[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("waited %s for %s", patience, what)
		panic("unreachable")
	}
}

// gauge counts what is inside at once and remembers the most.
type gauge struct{ now, most atomic.Int64 }

func (g *gauge) enter() {
	n := g.now.Add(1)
	for {
		most := g.most.Load()
		if n <= most || g.most.CompareAndSwap(most, n) {
			return
		}
	}
}

func (g *gauge) leave() { g.now.Add(-1) }

// results makes a table for what handlers commit.
func (s Store) results(t *testing.T) {
	t.Helper()
	err := s.DB.InTx(t.Context(), func(ctx context.Context, tx database.Tx) error {
		_, err := tx.NewRaw("CREATE TABLE results (job TEXT NOT NULL, attempt BIGINT NOT NULL)").Exec(ctx)
		return err
	})
	if err != nil {
		t.Fatalf("create results: %v", err)
	}
}

// record is a commit that adds a row to results.
func record(run *jobs.Run) func(ctx context.Context, tx database.Tx) error {
	return func(ctx context.Context, tx database.Tx) error {
		_, err := tx.NewRaw("INSERT INTO results (job, attempt) VALUES (?, ?)", run.JobID(), run.Attempt()).Exec(ctx)
		return err
	}
}

// recorded returns the attempts in results.
func (s Store) recorded(t *testing.T) []int {
	t.Helper()
	attempts := []int{}
	if err := s.DB.Reader().NewRaw("SELECT attempt FROM results ORDER BY attempt").Scan(t.Context(), &attempts); err != nil {
		t.Fatalf("read results: %v", err)
	}
	return attempts
}
