package worker

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"granary/internal/platform/worker/wire"
)

// worker is a process that speaks the protocol. One goroutine uses it at a time.
type worker struct {
	*process
	spec   Spec
	key    string
	device string
	dir    string // private folder, TMPDIR of the process
	actors []string
	jobs   int // begun so far

	timer     *time.Timer // unloads it while it is idle
	inherited bool        // its place belongs to somebody else; the pool's mutex guards it
}

// hello waits until the worker is ready.
func (w *worker) hello(ctx context.Context, t *talk) error {
	limit := time.NewTimer(t.spec.StartTimeout)
	defer limit.Stop()
	for {
		r, err := w.receive(ctx, t, limit.C)
		if errors.Is(err, ErrHung) {
			return fmt.Errorf("%w: %s was not ready within %s", ErrHung, t.spec.Name, t.spec.StartTimeout)
		}
		if err != nil {
			return err
		}
		switch {
		case r.Type == wire.Ready && r.Protocol != wire.Version:
			return fmt.Errorf("%w: %s speaks version %d, want %d", ErrProtocol, t.spec.Name, r.Protocol, wire.Version)
		case r.Type == wire.Ready:
			w.actors = r.Actors
			return nil
		case !t.say(r):
			return fmt.Errorf("%w: %s says %s before it is ready", ErrProtocol, t.spec.Name, r.Type)
		}
	}
}

// do runs one job. The worker can take another one when it says so in well.
func (w *worker) do(ctx context.Context, t *talk) (value []byte, well bool, err error) {
	if len(w.actors) > 0 && !slices.Contains(w.actors, t.job.Actor) {
		return nil, true, fmt.Errorf("%w: %s has no actor %q", ErrProtocol, t.spec.Name, t.job.Actor)
	}
	tmp := filepath.Join(w.dir, "job-"+strconv.Itoa(w.jobs))
	w.jobs++
	if err := os.Mkdir(tmp, 0o700); err != nil {
		return nil, true, fmt.Errorf("make temporary folder of job: %w", err)
	}
	defer os.RemoveAll(tmp)
	if t.job.Fill != nil {
		if err := t.job.Fill(tmp); err != nil {
			return nil, true, fmt.Errorf("fill temporary folder of job: %w", err)
		}
	}
	order, err := t.job.order(tmp)
	if err != nil {
		return nil, true, err
	}
	w.send(order)
	value, err = w.converse(ctx, t)
	switch {
	case err == nil, errors.As(err, new(*Failed)):
		return value, true, err
	case ctx.Err() != nil:
		return nil, w.cancel(t), ended(ctx, t.spec.Name)
	case errors.Is(err, errSink):
		return nil, w.cancel(t), errors.Unwrap(err)
	}
	return nil, false, err
}

// converse listens until the job has ended.
func (w *worker) converse(ctx context.Context, t *talk) ([]byte, error) {
	late := time.NewTimer(math.MaxInt64)
	defer late.Stop()
	begun := time.Now()
	for {
		wait := t.patience(time.Since(begun))
		late.Reset(wait) // only our waiting counts as silence, not the time that the sink takes
		r, err := w.receive(ctx, t, late.C)
		switch {
		case errors.Is(err, ErrHung) && t.job.Limit > 0 && time.Since(begun) >= t.job.Limit:
			return nil, fmt.Errorf("%w: %s did not end the job within %s", ErrHung, t.spec.Name, t.job.Limit)
		case errors.Is(err, ErrHung):
			return nil, fmt.Errorf("%w: %s said nothing for %s", ErrHung, t.spec.Name, t.spec.Silence)
		case err != nil:
			return nil, err
		}
		if r.ID != t.job.ID && r.ID != "" {
			// A thread of an earlier job may still talk; an end of it is no accident.
			if r.Type == wire.Result || r.Type == wire.Failed {
				return nil, fmt.Errorf("%w: %s ends another job", ErrProtocol, t.spec.Name)
			}
			continue
		}
		switch {
		case t.say(r):
		case r.Type == wire.Ready:
			return nil, fmt.Errorf("%w: %s says ready in the middle of a job", ErrProtocol, t.spec.Name)
		case r.ID == "":
			return nil, fmt.Errorf("%w: %s says %s without the job's id", ErrProtocol, t.spec.Name, r.Type)
		case r.Type == wire.Event:
			if err := t.sink.Event(ctx, r.Event, r.Data); err != nil {
				return nil, &sinkError{err}
			}
		case r.Type == wire.Result:
			return r.Value, nil
		case r.Type == wire.Failed:
			return nil, &Failed{Message: r.Error, Traceback: r.Traceback}
		}
	}
}

// receive waits for one message. Errors: the cause of ctx, ErrHung when late
// fires, ErrTooMuch, ErrProtocol, *Died.
func (w *worker) receive(ctx context.Context, t *talk, late <-chan time.Time) (wire.Report, error) {
	for {
		var o output
		var open bool
		select {
		case <-ctx.Done():
			return wire.Report{}, ended(ctx, t.spec.Name)
		case <-late:
			return wire.Report{}, ErrHung
		case o, open = <-w.lines:
		}
		switch {
		case !open:
			<-w.exited
			return wire.Report{}, w.death(t.spec.Name)
		case o.err != nil:
			return wire.Report{}, fmt.Errorf("%w: %s: %w", ErrTooMuch, t.spec.Name, o.err)
		case !t.count(o.text):
			return wire.Report{}, fmt.Errorf("%w: %s wrote more than %d bytes in one job", ErrTooMuch, t.spec.Name, t.spec.MaxOutput)
		}
		r, err := wire.DecodeReport(o.text)
		if err == nil {
			return r, nil
		}
		if !t.spec.Noise {
			return wire.Report{}, fmt.Errorf("%w: %s: %w: %s", ErrProtocol, t.spec.Name, err, quote(o.text))
		}
		t.line(Info, string(o.text))
	}
}

// cancel tells the worker that its job is not wanted any more and reports
// whether it obeyed in time, so that it can be used again. Otherwise it is
// gone when cancel returns.
func (w *worker) cancel(t *talk) bool {
	order, err := wire.Encode(wire.Order{Type: wire.Cancel, ID: t.job.ID})
	if err != nil { // cannot happen: it is two strings
		w.end(t.spec.Grace)
		return false
	}
	w.send(order)
	half := time.NewTimer(t.spec.Grace / 2)
	defer half.Stop()
	for {
		select {
		case o, open := <-w.lines:
			if !open || o.err != nil {
				w.end(t.spec.Grace / 2)
				return false
			}
			r, err := wire.DecodeReport(o.text)
			if err == nil && r.ID == t.job.ID && (r.Type == wire.Result || r.Type == wire.Failed) {
				return true
			}
		case <-half.C:
			w.end(t.spec.Grace / 2)
			return false
		}
	}
}

// dismiss tells a worker without a job to exit and waits for it.
func (w *worker) dismiss() {
	w.abandon()
	if order, err := wire.Encode(wire.Order{Type: wire.Exit}); err == nil {
		w.send(order)
	}
	w.send(nil)
	half := time.NewTimer(w.spec.Grace / 2)
	defer half.Stop()
	select {
	case <-w.exited:
	case <-half.C:
		w.end(w.spec.Grace / 2)
	}
}

// ended is the error of a job whose context has ended.
func ended(ctx context.Context, name string) error {
	if cause := context.Cause(ctx); !errors.Is(cause, ctx.Err()) {
		return fmt.Errorf("run worker %s: %w (%w)", name, cause, ctx.Err())
	}
	return fmt.Errorf("run worker %s: %w", name, ctx.Err())
}

// errSink marks an error that came from the sink.
var errSink = errors.New("sink")

type sinkError struct{ err error }

func (e *sinkError) Error() string        { return e.err.Error() }
func (e *sinkError) Unwrap() error        { return e.err }
func (e *sinkError) Is(target error) bool { return target == errSink }
