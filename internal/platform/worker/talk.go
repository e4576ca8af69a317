package worker

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	"granary/internal/platform/fault"
	"granary/internal/platform/worker/wire"
)

// talk is what is heard in one job, within its bounds.
type talk struct {
	spec Spec
	job  Job
	sink Sink

	heard  int64 // bytes of output
	logged int64 // bytes of lines
	full   bool  // lines are dropped from now on
}

// patience is how long the next message of a job that began a while ago may
// take.
func (t *talk) patience(ago time.Duration) time.Duration {
	wait := time.Duration(math.MaxInt64)
	if t.spec.Silence > 0 {
		wait = t.spec.Silence
	}
	if t.job.Limit > 0 {
		wait = min(wait, max(t.job.Limit-ago, 0))
	}
	return wait
}

// count reports whether the job may say so much more.
func (t *talk) count(line []byte) bool {
	t.heard += int64(len(line)) + 1
	return t.heard <= t.spec.MaxOutput
}

// say hands lines and bars on and reports whether r was one.
func (t *talk) say(r wire.Report) bool {
	switch r.Type {
	case wire.Info, wire.Warning, wire.Error:
		t.line(Level(r.Type), r.Text)
	case wire.Progress:
		t.sink.Bar(Bar{Key: r.Key, Context: r.Context, Current: int64(r.Current), Total: int64(r.Total), End: r.End})
	default:
		return false
	}
	return true
}

// line hands a line on until the job has said its fill.
func (t *talk) line(level Level, text string) {
	if t.full {
		return
	}
	text = wire.Clip(text)
	if t.logged += int64(len(text)) + 1; t.logged > t.spec.MaxLog {
		t.full = true
		t.sink.Line(Warning, fmt.Sprintf("the job has written more than %d bytes of lines; further lines are dropped", t.spec.MaxLog))
		return
	}
	t.sink.Line(level, text)
}

// check refuses a job that cannot be said in a message. Errors: fault.Invalid.
func (j Job) check() (Job, error) {
	if j.ID == "" || len(j.ID) > wire.MaxName || len(j.Actor) > wire.MaxName {
		return j, fault.New(fault.Invalid, "a job needs an id, and its id and actor at most %d bytes", wire.MaxName)
	}
	if len(j.Kwargs) == 0 {
		j.Kwargs = json.RawMessage("{}")
	}
	if j.Limit < 0 {
		return j, fault.New(fault.Invalid, "the limit of a job is negative")
	}
	j.Attempt = max(j.Attempt, 1)
	return j, nil
}

// order returns the job as a message.
func (j Job) order(tmp string) ([]byte, error) {
	paths := j.Paths
	paths.Tmp = tmp
	order, err := wire.Encode(wire.Order{
		Type: wire.Job, ID: j.ID, Actor: j.Actor, Kwargs: j.Kwargs, Paths: &paths, BaseURL: j.BaseURL, Attempt: j.Attempt,
	})
	if err != nil {
		return nil, fault.New(fault.Invalid, "the job's arguments are no JSON: %w", err)
	}
	return order, nil
}
