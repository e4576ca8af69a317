package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"

	"granary/internal/platform/fault"
	"granary/internal/platform/raster"
	host "granary/internal/platform/worker"
	"granary/internal/vision/engine"
)

// task is what a worker is asked to do, by its actor's name.
type task string

const (
	detect   task = "detect"
	classify task = "classify"
)

// ask is one call of Detect or Classify that waits for its answer.
type ask struct {
	ctx     context.Context //nolint:containedctx // it belongs to the caller, not to the batch
	picture *raster.Picture
	answer  chan answer // has room for the one
}

// answer is what became of an ask.
type answer struct {
	found result
	err   error
}

// model is a program that is asked about pictures.
type model struct {
	name, version string
	options       json.RawMessage
	spec          host.Spec
	device        string
	timeout       time.Duration
	retries       int
	batch         int
	breakFor      time.Duration

	pool    *host.Pool
	log     *slog.Logger
	breaker *gobreaker.CircuitBreaker[[]result]
	healthy atomic.Bool // the last batch was answered

	waiting map[task]chan *ask
	ctx     context.Context //nolint:containedctx // of the goroutines that begin starts
	stop    context.CancelFunc
	serving sync.WaitGroup
	calls   atomic.Int64
}

// Detect asks for the objects of a picture.
func (m *model) Detect(ctx context.Context, picture *raster.Picture) ([]engine.Detection, error) {
	found, err := m.ask(ctx, detect, picture)
	if err != nil {
		return nil, err
	}
	return found.detections(), nil
}

// Classify asks for the names of what a crop shows.
func (m *model) Classify(ctx context.Context, crop *raster.Picture) ([]engine.Guess, error) {
	found, err := m.ask(ctx, classify, crop)
	if err != nil {
		return nil, err
	}
	return guesses(found.Guesses), nil
}

// Close ends calls in flight and stops the model's idle processes.
func (m *model) Close() error {
	m.stop()
	m.serving.Wait()
	m.pool.Unload(m.spec, m.device)
	return nil
}

// ask waits for the answer about one picture.
func (m *model) ask(ctx context.Context, what task, picture *raster.Picture) (result, error) {
	if err := ctx.Err(); err != nil {
		return result{}, fmt.Errorf("call model %s: %w", m.name, err)
	}
	a := &ask{ctx: ctx, picture: picture, answer: make(chan answer, 1)}
	select {
	case m.waiting[what] <- a:
	default:
		return result{}, fault.New(fault.Unavailable, "model %s has too many pictures waiting", m.name).After(time.Second)
	}
	select {
	case got := <-a.answer:
		return got.found, got.err
	case <-ctx.Done():
		return result{}, fmt.Errorf("call model %s: %w", m.name, ctx.Err())
	case <-m.ctx.Done():
		return result{}, fault.New(fault.Unavailable, "model %s is being closed", m.name)
	}
}

// begin starts as many servers of the queue as there may be processes.
func (m *model) begin(processes int) {
	m.ctx, m.stop = context.WithCancel(context.Background())
	for range processes {
		m.serving.Go(func() {
			for {
				select {
				case <-m.ctx.Done():
					return
				case first := <-m.waiting[detect]:
					m.serve(detect, first)
				case first := <-m.waiting[classify]:
					m.serve(classify, first)
				}
			}
		})
	}
}

// serve answers first and those that wait behind it, as many as go into a
// message. Nobody is waited for: a batch grows while the processes are busy.
func (m *model) serve(what task, first *ask) {
	asks := []*ask{first}
gather:
	for len(asks) < m.batch {
		select {
		case next := <-m.waiting[what]:
			asks = append(asks, next)
		default:
			break gather
		}
	}
	asks = slices.DeleteFunc(asks, func(a *ask) bool { return a.ctx.Err() != nil }) // they have left
	if len(asks) > 0 {
		m.answer(what, asks, m.retries)
	}
}

// answer calls the worker and hands out what it says. When a batch fails its
// pictures are sent again one by one: one that the program cannot bear must
// not cost the others their answer.
func (m *model) answer(what task, asks []*ask, retries int) {
	found, err := m.call(what, asks, retries)
	switch {
	case err == nil:
		for i, a := range asks {
			a.answer <- answer{found: found[i]}
		}
	case len(asks) > 1 && m.ctx.Err() == nil && !isLeftAlone(err):
		for _, a := range asks {
			m.answer(what, []*ask{a}, 0)
		}
	default:
		for _, a := range asks {
			a.answer <- answer{err: m.explain(err)}
		}
	}
}

// call makes one job of the pictures, and another one when the process died,
// perhaps of something that does not happen again.
func (m *model) call(what task, asks []*ask, retries int) ([]result, error) {
	ctx, leave := joined(m.ctx, asks)
	defer leave()
	for attempt := 0; ; attempt++ {
		found, err := m.breaker.Execute(func() ([]result, error) { return m.run(ctx, what, asks) })
		m.healthy.Store(err == nil)
		if err == nil || ctx.Err() != nil || len(asks) > 1 || attempt >= retries || !errors.As(err, new(*host.Died)) {
			return found, err
		}
		m.log.Warn("model's process died, trying again", "model", m.name, slog.Any("error", err))
	}
}

// joined returns a context that ends with ctx, and when nobody who asked waits
// any more.
func joined(ctx context.Context, asks []*ask) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	var left atomic.Int64
	left.Store(int64(len(asks)))
	detach := make([]func() bool, len(asks))
	for i, a := range asks {
		detach[i] = context.AfterFunc(a.ctx, func() {
			if left.Add(-1) == 0 {
				cancel()
			}
		})
	}
	return ctx, func() {
		for _, f := range detach {
			f()
		}
		cancel()
	}
}
