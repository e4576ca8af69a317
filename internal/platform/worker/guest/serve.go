package guest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"runtime/debug"
	"slices"

	"granary/internal/platform/worker/wire"
)

// maxOrder bounds one message of the host; lists of crops are long.
const maxOrder = 256 << 20

// Serve does the host's jobs with tasks, by their actor's name, one at a time.
// It returns nil when the host says exit or closes in, after the running task
// was cancelled and has returned, and also when ctx ends. One read of in may
// still be waiting then. Errors: the host breaks the protocol, or out cannot be
// written.
func Serve(ctx context.Context, in io.Reader, out io.Writer, name string, tasks map[string]Task) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	s := &speaker{out: out}
	s.say(nil, wire.Report{Type: wire.Ready, Protocol: wire.Version, Name: name, Actors: slices.Sorted(maps.Keys(tasks))})

	orders, broken := make(chan wire.Order), make(chan error, 1)
	go read(ctx, in, orders, broken)
	var now attempt // the zero value between jobs
	defer func() {
		stop()
		if now.done != nil {
			<-now.done
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-now.done:
			now.cancel()
			now = attempt{}
			if err := s.err(); err != nil {
				return fmt.Errorf("write to host: %w", err)
			}
		case err := <-broken:
			if errors.Is(err, io.EOF) {
				return nil
			}
			return fmt.Errorf("read from host: %w", err)
		case order := <-orders:
			switch {
			case order.Type == wire.Exit:
				return nil
			case order.Type == wire.Cancel:
				// The job may have ended meanwhile: then this changes nothing.
				if now.id == order.ID && now.done != nil {
					now.cancel()
				}
			case s.talking():
				return errors.New("read from host: a job while another one runs")
			default:
				if now.done != nil { // its end was written and is not noticed yet
					<-now.done
					now.cancel()
				}
				now = begin(ctx, s, order, tasks[order.Actor])
			}
		}
	}
}

// attempt is the job that runs.
type attempt struct {
	id     string
	cancel context.CancelFunc
	done   chan struct{} // closed when its end was written
}

func begin(ctx context.Context, s *speaker, order wire.Order, task Task) attempt {
	job := &Job{
		ID: order.ID, Actor: order.Actor, Kwargs: order.Kwargs, BaseURL: order.BaseURL, Attempt: order.Attempt, speaker: s,
	}
	if order.Paths != nil {
		job.Paths = *order.Paths
	}
	a := attempt{id: job.ID, done: make(chan struct{})}
	ctx, a.cancel = context.WithCancel(ctx)
	s.begin(job)
	go func() {
		defer close(a.done)
		s.end(work(ctx, job, task))
	}()
	return a
}

// read hands the host's orders on until it stops or breaks the protocol.
func read(ctx context.Context, in io.Reader, orders chan<- wire.Order, broken chan<- error) {
	lines := wire.NewReader(in, maxOrder)
	for {
		line, err := lines.Next()
		var order wire.Order
		if err == nil {
			order, err = wire.DecodeOrder(line)
		}
		if err != nil {
			broken <- err
			return
		}
		select {
		case orders <- order:
		case <-ctx.Done():
			return
		}
	}
}

// work runs a task and returns its end as a report.
func work(ctx context.Context, job *Job, task Task) (end wire.Report) {
	end = wire.Report{Type: wire.Failed, ID: job.ID}
	if task == nil {
		end.Error = fmt.Sprintf("there is no actor %q", job.Actor)
		return end
	}
	defer func() { // a broken picture must not cost the next job its loaded model
		if v := recover(); v != nil {
			end = wire.Report{Type: wire.Failed, ID: job.ID, Error: fmt.Sprintf("panic: %v", v), Traceback: string(debug.Stack())}
		}
	}()
	value, err := task(ctx, job)
	if err != nil {
		end.Error = err.Error()
		return end
	}
	raw, err := json.Marshal(value)
	if err != nil {
		end.Error = fmt.Sprintf("encode result: %v", err)
		return end
	}
	return wire.Report{Type: wire.Result, ID: job.ID, Value: raw}
}
