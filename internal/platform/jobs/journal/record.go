package journal

import (
	"context"
	"slices"
	"sync"
	"time"

	"granary/internal/platform/jobs"
)

// record is what one attempt said and nobody stored yet. It implements
// jobs.Record.
type record struct {
	journal *Journal
	jobID   string
	attempt int
	began   time.Time

	mu sync.Mutex
	// opened: the attempt's begin is stored. An attempt that says nothing
	// never is.
	opened bool
	closed bool
	lines  []line
	// lost counts lines that came faster than they could be stored.
	lost int64
	bars []jobs.Bar
	// moved: the bars are not stored as they are; urgent: one came or went.
	moved, urgent bool
	barsStored    time.Time
}

// line is one event to store.
type line struct {
	at      time.Time
	kind    Type
	payload payload
}

// payload is an event as job_events has it, beside its columns.
type payload struct {
	Text    string  `json:"text,omitempty"`
	Outcome Outcome `json:"outcome,omitempty"`
}

// Open implements jobs.Recorder.
func (j *Journal) Open(job jobs.Job) jobs.Record {
	r := &record{journal: j, jobID: job.ID, attempt: job.Attempt, began: jobs.Stamp(j.cfg.Now())}
	if job.Attempt > 1 { // what an earlier attempt showed must go
		r.moved, r.urgent = true, true
		j.mark(r)
	}
	return r
}

// Line implements jobs.Record.
func (r *record) Line(level jobs.Level, text string) {
	r.add(line{kind: Type(level), payload: payload{Text: text}})
}

// add takes a line unless the attempt is over.
func (r *record) add(l line) {
	l.at = jobs.Stamp(r.journal.cfg.Now())
	r.mu.Lock()
	first := len(r.lines) == 0
	if !r.closed {
		r.push(l)
	}
	r.mu.Unlock()
	if first {
		r.journal.mark(r)
	}
}

func (r *record) push(l line) {
	r.lines = append(r.lines, l)
	// Slack, so that a flood does not move the whole list for every line.
	if len(r.lines) >= 2*MaxEvents {
		r.lost += int64(len(r.lines) - MaxEvents)
		r.lines = slices.Delete(r.lines, 0, len(r.lines)-MaxEvents)
	}
}

// Bar implements jobs.Record.
func (r *record) Bar(b jobs.Bar) {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return
	}
	i := slices.IndexFunc(r.bars, func(known jobs.Bar) bool { return known.Key == b.Key })
	known := i >= 0
	switch {
	case b.End && known:
		r.bars = slices.Delete(r.bars, i, i+1)
	case known:
		r.bars[i] = b
	case !b.End:
		if len(r.bars) >= MaxBars {
			r.bars = slices.Delete(r.bars, 0, 1)
		}
		r.bars = append(r.bars, b)
	}
	first := !r.moved && (known || !b.End)
	r.moved = r.moved || first
	r.urgent = r.urgent || known == b.End
	r.mu.Unlock()
	if first {
		r.journal.mark(r)
	}
}

// Flush implements jobs.Record.
func (r *record) Flush(ctx context.Context) {
	r.mu.Lock()
	waiting := len(r.lines) > 0 || r.urgent
	r.mu.Unlock()
	if waiting {
		r.journal.report(ctx, "store what a job said", r.journal.store(ctx, false))
	}
}

// closeTime bounds how long the end of an attempt waits for its journal.
const closeTime = 5 * time.Second

// Close implements jobs.Record. A success needs no line: the job's row has
// it. Of an attempt that was lost nobody knows whether its successor runs.
func (r *record) Close(ctx context.Context, outcome jobs.Outcome) {
	if kind := outcomeOf(outcome.Verdict); kind != "" {
		r.add(line{kind: Ended, payload: payload{Text: outcome.Message, Outcome: kind}})
	}
	r.mu.Lock()
	r.closed = true
	if r.moved = r.moved || len(r.bars) > 0; r.moved {
		r.bars, r.urgent = nil, true
	}
	moved := r.moved
	r.mu.Unlock()
	if moved {
		r.journal.mark(r)
	}
	ctx, cancel := context.WithTimeout(ctx, closeTime)
	defer cancel()
	r.Flush(ctx)
	r.journal.signal(r.jobID)
}

// outcomeOf names an end that the journal keeps; empty for the others.
func outcomeOf(verdict jobs.Verdict) Outcome {
	switch verdict {
	case jobs.Done, jobs.Committed, jobs.Abandoned:
		return ""
	case jobs.Stopped:
		return OutcomeCancelled
	case jobs.Returned:
		return OutcomeReturned
	}
	return OutcomeFailed
}

// taken is what one storing takes of a record.
type taken struct {
	record *record
	open   bool // store the attempt's begin first
	lines  []line
	lost   int64
	bars   []jobs.Bar
	moved  bool
}

// take empties r of what is due; ok says whether there is anything, and left
// whether something remains for later.
func (r *record) take(now time.Time, last bool, barEvery time.Duration) (t taken, ok, left bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	bars := r.moved && (last || r.urgent || r.closed || now.Sub(r.barsStored) >= barEvery)
	if len(r.lines) == 0 && !bars {
		return taken{}, false, r.moved
	}
	if extra := len(r.lines) - MaxEvents; extra > 0 {
		r.lost += int64(extra)
		r.lines = slices.Delete(r.lines, 0, extra)
	}
	t = taken{record: r, open: !r.opened, lines: r.lines, lost: r.lost}
	r.lines, r.lost = nil, 0
	if bars {
		t.moved, t.bars = true, slices.Clone(r.bars)
		r.moved, r.urgent, r.barsStored = false, false, now
	}
	return t, true, r.moved
}

// stored notes that t reached the database.
func (t taken) stored() {
	t.record.mu.Lock()
	t.record.opened = true
	t.record.mu.Unlock()
}

// putBack returns what could not be stored.
func (t taken) putBack() {
	r := t.record
	r.mu.Lock()
	later := r.lines
	r.lines = t.lines
	r.lost += t.lost
	for _, l := range later {
		r.push(l)
	}
	r.moved, r.urgent = r.moved || t.moved, r.urgent || t.moved
	r.mu.Unlock()
}
