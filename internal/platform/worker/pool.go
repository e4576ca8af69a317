package worker

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"granary/internal/platform/fault"
)

// DefaultWorkers is how many processes a pool runs at once.
const DefaultWorkers = 16

// errClosed ends the jobs of a pool that is closed.
var errClosed = fault.New(fault.Unavailable, "the workers are being stopped")

// Config is what a pool needs.
type Config struct {
	// Temp is the folder for private folders; it is made when it is missing. A
	// folder may serve several pools, of several programs.
	Temp string
	// Workers bounds the processes, idle ones included. Defaults to 16.
	Workers int
	Log     *slog.Logger
}

// Pool runs jobs in worker processes and keeps warm ones for the next job.
// Safe for concurrent use.
type Pool struct {
	temp    string
	name    string
	root    *os.Root
	lock    *os.File
	starter *starter
	log     *slog.Logger
	most    int
	folders atomic.Int64

	ctx   context.Context // ends with Close
	stop  context.CancelCauseFunc
	close sync.Once
	busy  sync.WaitGroup // Runs and unloads
	alive sync.WaitGroup // workers

	mu      sync.Mutex
	closed  bool
	live    int           // processes, those being started included
	idle    []*worker     // oldest first
	changed chan struct{} // closed when a place or an idle worker is to be had
}

// New returns a pool. It removes what a pool in the same folder left behind
// that did not end well, its processes included.
func New(c Config) (*Pool, error) {
	temp, err := filepath.Abs(c.Temp)
	if err != nil {
		return nil, fmt.Errorf("find worker folder: %w", err)
	}
	if err := os.MkdirAll(temp, 0o700); err != nil {
		return nil, fmt.Errorf("make worker folder: %w", err)
	}
	root, err := os.OpenRoot(temp)
	if err != nil {
		return nil, fmt.Errorf("open worker folder: %w", err)
	}
	if err := sweep(root, c.Log); err != nil {
		return nil, errors.Join(fmt.Errorf("sweep worker folder: %w", err), root.Close())
	}
	name, lock, err := claim(root)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock worker folder: %w", err), root.Close())
	}
	p := &Pool{
		temp: temp, name: name, root: root, lock: lock, starter: newStarter(), log: c.Log,
		most: cmp.Or(max(c.Workers, 0), DefaultWorkers), changed: make(chan struct{}),
	}
	p.ctx, p.stop = context.WithCancelCause(context.Background())
	return p, nil
}

// Run does one job and returns its result, a JSON value. It blocks for a
// place in the pool and for the job, and returns when the worker is idle again
// or, if it is not to be kept, when all its processes are gone. When ctx ends
// the worker is told to cancel, gets TERM after half of the grace and KILL
// after all of it.
//
// Errors: *Failed, *Died, ErrStart, ErrHung, ErrProtocol, ErrTooMuch; the
// sink's; the cause of ctx; fault.Invalid for a spec or a job that makes no
// sense; fault.Unavailable when the pool is closed.
func (p *Pool) Run(ctx context.Context, spec Spec, job Job, sink Sink) (json.RawMessage, error) {
	spec, err := spec.check()
	if err != nil {
		return nil, err
	}
	if job, err = job.check(); err != nil {
		return nil, err
	}
	ctx, leave, err := p.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	t := &talk{spec: spec, job: job, sink: sink}
	if spec.Mode == Plain {
		if _, err := p.place(ctx, spec, job.Device, ""); err != nil { // no worker has that key
			return nil, err
		}
		defer p.release()
		return p.doPlain(ctx, t)
	}
	w, err := p.acquire(ctx, t)
	if err != nil {
		return nil, err
	}
	value, well, err := w.do(ctx, t)
	p.done(w, well)
	return value, err
}

// Unload stops the idle workers of a spec on a device, and waits for it: their
// model is not needed any more. A worker that is at work stays.
func (p *Pool) Unload(spec Spec, device string) {
	spec, err := spec.check()
	if err != nil {
		return // it never had a worker
	}
	key := spec.key(device)
	for w := p.take(key); w != nil; w = p.take(key) {
		w.dismiss()
	}
}

// Close refuses new jobs, cancels those that run, stops every worker and
// removes their folders. It blocks until that is done.
func (p *Pool) Close() error {
	var err error
	p.close.Do(func() {
		p.mu.Lock()
		p.closed = true
		idle := p.idle
		p.idle = nil
		p.mu.Unlock()
		p.stop(errClosed)
		var leaving sync.WaitGroup
		for _, w := range idle {
			w.timer.Stop()
			leaving.Go(w.dismiss)
		}
		leaving.Wait()
		p.busy.Wait()
		gone := make(chan struct{})
		go func() { p.alive.Wait(); close(gone) }()
		select {
		case <-gone:
		case <-time.After(stuckTime): // some driver holds it; nobody can end it
		}
		p.starter.stop()
		err = errors.Join(p.lock.Close(), p.root.Remove(p.name+lockSuffix), p.root.Close())
	})
	return err
}

// enter notes that a job runs; its context ends with the pool.
func (p *Pool) enter(ctx context.Context) (context.Context, func(), error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, nil, errClosed
	}
	p.busy.Add(1)
	ctx, cancel := context.WithCancelCause(ctx)
	detach := context.AfterFunc(p.ctx, func() { cancel(errClosed) })
	return ctx, func() { detach(); cancel(nil); p.busy.Done() }, nil
}

// acquire returns a worker that is ready for the job.
func (p *Pool) acquire(ctx context.Context, t *talk) (*worker, error) {
	key := t.spec.key(t.job.Device)
	w, err := p.place(ctx, t.spec, t.job.Device, key)
	if err != nil || w != nil {
		return w, err
	}
	return p.launch(ctx, t, key)
}

// take returns an idle worker of that key, the one used last; nil if none is.
func (p *Pool) take(key string) *worker {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := len(p.idle) - 1; i >= 0; i-- {
		if w := p.idle[i]; w.key == key {
			p.idle = slices.Delete(p.idle, i, i+1)
			w.timer.Stop()
			if w.over() { // it died in its sleep
				w.abandon()
				continue
			}
			return w
		}
	}
	return nil
}

// place returns an idle worker of that key or, with nil, one of the pool's
// places for a process. Idle workers of other keys leave when they are in the
// way: the oldest when the pool is full, and every one on the same device,
// whose memory the new one needs.
func (p *Pool) place(ctx context.Context, spec Spec, device, key string) (*worker, error) {
	if w := p.take(key); w != nil {
		return w, nil
	}
	for device != "" {
		w := p.evict(func(w *worker) bool { return w.device == device && w.key != key })
		if w == nil {
			break
		}
		if p.inherit(w) {
			p.release()
		}
	}
	for {
		p.mu.Lock()
		changed := p.changed
		p.mu.Unlock()
		if w := p.take(key); w != nil { // one may have become idle while we waited
			return w, nil
		}
		p.mu.Lock()
		free := p.live < p.most
		if free {
			p.live++
		}
		p.mu.Unlock()
		if free {
			return nil, nil
		}
		if w := p.evict(func(w *worker) bool { return w.key != key }); w != nil && p.inherit(w) {
			return nil, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ended(ctx, spec.Name)
		}
	}
}

// evict takes the oldest idle worker that is in the way off the list; nil when
// there is none.
func (p *Pool) evict(inTheWay func(*worker) bool) *worker {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.idle, inTheWay)
	if i < 0 {
		return nil
	}
	w := p.idle[i]
	p.idle = slices.Delete(p.idle, i, i+1)
	w.timer.Stop()
	w.inherited = true
	return w
}

// inherit ends an evicted worker and reports whether the caller has its place
// now. A worker that cannot be ended keeps it.
func (p *Pool) inherit(w *worker) bool {
	w.dismiss()
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-w.exited:
		return true
	default:
		w.inherited = false
		return false
	}
}

// release gives a place back.
func (p *Pool) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.live--
	p.announce()
}

// announce wakes those who wait in place. The caller holds mu.
func (p *Pool) announce() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// launch starts a worker in a place that was taken.
func (p *Pool) launch(ctx context.Context, t *talk, key string) (*worker, error) {
	dir, mark, err := p.folder()
	if err != nil {
		p.release()
		return nil, err
	}
	process, err := begin(p.starter, t.spec, t.job.Device, dir, mark, nil, false)
	if err != nil {
		p.remove(dir)
		p.release()
		return nil, err
	}
	w := &worker{process: process, spec: t.spec, key: key, device: t.job.Device, dir: dir}
	p.alive.Go(func() { p.bury(w) })
	if err := w.hello(ctx, t); err != nil {
		w.end(t.spec.Grace)
		return nil, err
	}
	p.log.Debug("worker is ready", "worker", t.spec.Name, "pid", w.cmd.Process.Pid, "device", w.device)
	return w, nil
}

// bury waits for a worker's end and cleans up behind it.
func (p *Pool) bury(w *worker) {
	<-w.dead
	p.mu.Lock()
	if i := slices.Index(p.idle, w); i >= 0 {
		p.idle = slices.Delete(p.idle, i, i+1)
		w.timer.Stop()
		w.abandon()
	}
	p.mu.Unlock()
	<-w.exited
	p.remove(w.dir)
	p.mu.Lock()
	defer p.mu.Unlock()
	if !w.inherited {
		p.live--
		p.announce()
	}
}

// done puts a worker back, or stops it.
func (p *Pool) done(w *worker, well bool) {
	if !well {
		w.end(w.spec.Grace)
		return
	}
	p.mu.Lock()
	keep := w.spec.Mode == Warm && !p.closed
	if keep = keep && !w.over(); keep {
		w.timer = time.AfterFunc(w.spec.IdleTimeout, func() { p.unload(w) })
		p.idle = append(p.idle, w)
		p.announce()
	}
	p.mu.Unlock()
	if !keep {
		w.dismiss()
	}
}

// unload stops a worker that was idle for long.
func (p *Pool) unload(w *worker) {
	p.mu.Lock()
	i := slices.Index(p.idle, w)
	if i < 0 { // it has just been taken
		p.mu.Unlock()
		return
	}
	p.idle = slices.Delete(p.idle, i, i+1)
	p.busy.Add(1)
	p.mu.Unlock()
	defer p.busy.Done()
	p.log.Debug("idle worker is unloaded", "worker", w.spec.Name, "pid", w.cmd.Process.Pid)
	w.dismiss()
}
