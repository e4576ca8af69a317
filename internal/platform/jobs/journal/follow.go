package journal

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"granary/internal/platform/fault"
	"granary/internal/platform/jobs"
)

// soon is the first pause between two looks after something happened; it
// doubles up to Config.Look, because what follows a change is often near.
const soon = 50 * time.Millisecond

// part is how many events are read at once.
const part = 500

// Follow sends a job's events from the one after the given Seq on, and ends
// with its final state. Stored events come with their Seq, once each; where
// some were dropped a Gap stands. StateNow and BarsNow come as they are at
// first and then whenever they change. The channel is closed after the final
// state, when ctx ends, when the job is deleted, and at Release and Stop.
// Whoever calls again with the last Seq misses nothing that is kept. source
// is asked at every look, so that it ends for a caller who may not see the
// job any more. Errors: those of source, Unavailable (too many follow).
func (j *Journal) Follow(ctx context.Context, source Source, jobID string, after int64) (<-chan Event, error) {
	if _, err := source.Get(ctx, jobID); err != nil {
		return nil, err
	}
	wake, leave, err := j.watch(jobID)
	if err != nil {
		return nil, err
	}
	out := make(chan Event, 16)
	f := &follower{journal: j, source: source, jobID: jobID, after: max(after, 0), out: out}
	go func() {
		defer close(out)
		defer leave()
		f.run(ctx, wake)
	}()
	return out, nil
}

// watch returns a channel that holds a token after something about the job
// happened in this process.
func (j *Journal) watch(jobID string) (wake <-chan struct{}, leave func(), err error) {
	token := make(chan struct{}, 1)
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.following >= j.cfg.MaxFollowers {
		return nil, nil, fault.New(fault.Unavailable, "too many are following jobs; try again later").After(time.Minute)
	}
	j.following++
	if j.followers[jobID] == nil {
		j.followers[jobID] = map[chan struct{}]struct{}{}
	}
	j.followers[jobID][token] = struct{}{}
	return token, func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.following--
		delete(j.followers[jobID], token)
		if len(j.followers[jobID]) == 0 {
			delete(j.followers, jobID)
		}
	}, nil
}

// signal wakes those who follow the job in this process.
func (j *Journal) signal(jobID string) {
	j.views.drop(jobID)
	j.mu.Lock()
	defer j.mu.Unlock()
	for token := range j.followers[jobID] {
		select {
		case token <- struct{}{}:
		default: // a token is waiting already
		}
	}
}

// follower is one Follow under way.
type follower struct {
	journal *Journal
	source  Source
	jobID   string
	after   int64
	looked  bool
	told    jobs.Job // as the last StateNow had it
	bars    []jobs.Bar
	out     chan<- Event
}

func (f *follower) run(ctx context.Context, wake <-chan struct{}) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for pause := soon; ; {
		news, ended, err := f.look(ctx)
		switch {
		case ended, ctx.Err() != nil:
			return
		case fault.Is(err, fault.NotFound), fault.Is(err, fault.Forbidden), fault.Is(err, fault.Unauthenticated):
			return // deleted, or no longer the caller's
		case err != nil:
			f.journal.cfg.Log.WarnContext(ctx, "job journal", "step", "follow a job", slog.Any("error", err))
			pause = f.journal.cfg.Look
		case news:
			pause = soon
		default:
			pause = min(2*pause, f.journal.cfg.Look)
		}
		timer.Reset(pause)
		select {
		case <-ctx.Done():
			return
		case <-f.journal.released:
			return
		case <-wake:
			pause = soon
		case <-timer.C:
		}
	}
}

// look sends what is new. The job's row is read first: all that was said
// before it was final is then in the journal.
func (f *follower) look(ctx context.Context) (news, ended bool, err error) {
	job, err := f.source.Get(ctx, f.jobID)
	if err != nil {
		return false, false, err
	}
	job.Args = nil
	row, err := f.journal.row(ctx, f.jobID)
	if err != nil {
		return false, false, err
	}
	if !f.looked {
		f.looked, f.after = true, min(f.after, row.LastSeq)
	}
	if final := job.State.Finished(); !final && !same(job, f.told) {
		news, f.told = true, job
		if !f.send(ctx, f.state(job)) {
			return news, false, ctx.Err()
		}
	}
	if row.LastSeq > f.after {
		news = true
		if err := f.catchUp(ctx); err != nil {
			return news, false, err
		}
	}
	view, err := row.view()
	if err != nil {
		return news, false, err
	}
	if job.State.Finished() {
		f.send(ctx, f.state(job))
		return true, true, nil
	}
	if !slices.Equal(view.Bars, f.bars) {
		news, f.bars = true, view.Bars
		f.send(ctx, Event{Type: BarsNow, At: row.UpdatedAt.UTC(), Bars: view.Bars})
	}
	return news, false, nil
}

// catchUp sends the events that are stored and were not sent.
func (f *follower) catchUp(ctx context.Context) error {
	for {
		events, err := f.journal.Events(ctx, f.jobID, f.after, part)
		if err != nil {
			return err
		}
		for _, event := range events {
			if lost := event.Seq - f.after - 1; lost > 0 && !f.send(ctx, Event{Type: Gap, At: event.At, Lost: lost}) {
				return ctx.Err()
			}
			if !f.send(ctx, event) {
				return ctx.Err()
			}
			f.after = event.Seq
		}
		if len(events) < part {
			return nil
		}
	}
}

func (f *follower) state(job jobs.Job) Event {
	at := jobs.Stamp(f.journal.cfg.Now())
	if job.FinishedAt != nil {
		at = *job.FinishedAt
	}
	return Event{Type: StateNow, At: at, Job: &job}
}

// send answers false when nobody reads any more.
func (f *follower) send(ctx context.Context, event Event) bool {
	select {
	case f.out <- event:
		return true
	case <-ctx.Done():
	case <-f.journal.released:
	}
	return false
}

// same reports whether a watcher would see no difference.
func same(a, b jobs.Job) bool {
	return a.State == b.State && a.Attempt == b.Attempt && a.MaxAttempts == b.MaxAttempts && a.Progress == b.Progress &&
		a.Error == b.Error && a.CancelRequested == b.CancelRequested && a.RunAt.Equal(b.RunAt)
}
