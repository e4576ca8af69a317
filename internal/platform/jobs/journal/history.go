package journal

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"granary/internal/platform/jobs"
)

// History returns all that is kept of a job, oldest first: that it was
// queued, its stored events with a Gap where some were dropped, the begin of
// an attempt that said nothing, and how the job stands. What is not stored is
// taken from job.
func (j *Journal) History(ctx context.Context, job jobs.Job) ([]Event, error) {
	stored, err := j.Events(ctx, job.ID, 0, MaxEvents)
	if err != nil {
		return nil, err
	}
	job.Args = nil
	queued := job
	queued.State, queued.Error = jobs.Queued, ""
	history := make([]Event, 0, len(stored)+4)
	history = append(history, Event{Type: StateNow, At: job.CreatedAt, Job: &queued})
	var last int64
	attempt := 0
	for _, event := range stored {
		if lost := event.Seq - last - 1; lost > 0 {
			history = append(history, Event{Type: Gap, At: event.At, Lost: lost})
		}
		last, attempt = event.Seq, event.Attempt
		history = append(history, event)
	}
	if job.StartedAt != nil && attempt < job.Attempt {
		history = append(history, Event{Type: Started, At: *job.StartedAt, Attempt: job.Attempt})
	}
	if job.FinishedAt != nil && job.State.Finished() {
		history = append(history, Event{Type: StateNow, At: *job.FinishedAt, Job: &job})
	}
	return history, nil
}

// WriteText writes one event as a line of a log, in UTC; further lines of its
// text are indented. BarsNow writes nothing.
func WriteText(w io.Writer, e Event) error {
	var what string
	switch e.Type {
	case StateNow:
		what = stateText(*e.Job)
	case Started:
		what = fmt.Sprintf("attempt %d started", e.Attempt)
	case Ended:
		what = fmt.Sprintf("attempt %d %s", e.Attempt, e.Outcome)
		if e.Text != "" {
			what += ": " + e.Text
		}
	case Gap:
		what = fmt.Sprintf("%d older lines are not kept", e.Lost)
	case BarsNow:
		return nil
	case Info:
		what = e.Text
	default: // a warning or an error
		what = strings.ToUpper(string(e.Type)) + " " + e.Text
	}
	_, err := fmt.Fprintf(w, "%s  %s\n", e.At.UTC().Format("2006-01-02 15:04:05.000"), strings.ReplaceAll(what, "\n", "\n    "))
	return err
}

func stateText(job jobs.Job) string {
	text := "job " + string(job.State)
	switch {
	case job.Error != "":
		text += ": " + job.Error
	case job.State == jobs.Succeeded && job.StartedAt != nil && job.FinishedAt != nil:
		text += " in " + job.FinishedAt.Sub(*job.StartedAt).Round(time.Millisecond).String()
	}
	return text
}
