package guest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"granary/internal/platform/worker/wire"
)

// Paths are the folders of a job, absolute.
type Paths = wire.Paths

// Task is what a worker can do. Its value is the job's result and must encode
// as JSON. It should return soon after ctx has ended.
type Task func(ctx context.Context, job *Job) (any, error)

// Job is one piece of work, and the way back to the host. Its methods are safe
// for concurrent use until the task has returned, and do nothing afterwards.
type Job struct {
	ID      string
	Actor   string
	Kwargs  json.RawMessage
	Paths   Paths
	BaseURL string
	// Attempt counts from 1.
	Attempt int

	speaker *speaker
}

// Decode reads the arguments into v and refuses those that v does not know.
func (j *Job) Decode(v any) error {
	d := json.NewDecoder(bytes.NewReader(j.Kwargs))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("read arguments: %w", err)
	}
	return nil
}

// Info writes a line of the job's log.
func (j *Job) Info(text string) { j.say(wire.Report{Type: wire.Info, Text: text}) }

// Warn writes a line about something odd.
func (j *Job) Warn(text string) { j.say(wire.Report{Type: wire.Warning, Text: text}) }

// Error writes a line about something that failed while the job goes on.
func (j *Job) Error(text string) { j.say(wire.Report{Type: wire.Error, Text: text}) }

// Progress shows the bar key: current of total units of context are done.
// Total is 0 while it is unknown. Call it as often as you like.
func (j *Job) Progress(key, context string, current, total int64) {
	j.say(wire.Report{Type: wire.Progress, Key: key, Context: context, Current: wire.Count(current), Total: wire.Count(total)})
}

// Done takes the bar key away.
func (j *Job) Done(key string) { j.say(wire.Report{Type: wire.Progress, Key: key, End: true}) }

// Event hands a part of the result over, such as PROGRESS after a document.
// Files that belong to it are written before. Errors: data is no JSON.
func (j *Job) Event(name string, data any) error {
	raw, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("encode event %s: %w", name, err)
	}
	j.say(wire.Report{Type: wire.Event, Event: name, Data: raw})
	return nil
}

func (j *Job) say(r wire.Report) {
	r.ID = j.ID
	j.speaker.say(j, r)
}
