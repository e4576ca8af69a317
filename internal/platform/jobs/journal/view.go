package journal

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"granary/internal/platform/jobs"
)

// Type says what an event is about.
type Type string

// The types that are stored, and so have a Seq.
const (
	// Started: an attempt began.
	Started Type = "started"
	// Ended: an attempt ended in another way than a success.
	Ended Type = "ended"
	// Info, Warning and Failure are lines of the attempt.
	Info    Type = Type(jobs.Info)
	Warning Type = Type(jobs.Warning)
	Failure Type = Type(jobs.Failure)
)

// The types that readers make of what stands elsewhere. Their Seq is 0.
const (
	// StateNow is the job as its row has it.
	StateNow Type = "state"
	// BarsNow are all bars.
	BarsNow Type = "bars"
	// Gap stands where events were dropped.
	Gap Type = "gap"
)

// Outcome is how an attempt ended that did not succeed.
type Outcome string

// The outcomes.
const (
	// OutcomeFailed: an error; whether another attempt follows the job's row tells.
	OutcomeFailed    Outcome = "failed"
	OutcomeCancelled Outcome = "cancelled"
	// OutcomeReturned: shutdown gave the job back to its queue.
	OutcomeReturned Outcome = "returned"
	// OutcomeLost: its process vanished.
	OutcomeLost Outcome = "lost"
)

// Event is one entry of a job's journal. Times are UTC.
type Event struct {
	// Seq orders a job's stored events, from 1; 0 for the others.
	Seq  int64     `json:"seq,omitempty"`
	Type Type      `json:"type"`
	At   time.Time `json:"at"`
	// Attempt is set for stored events.
	Attempt int `json:"attempt,omitempty"`
	// Text is the line; of Ended the error.
	Text string `json:"text,omitempty"`
	// Outcome is set for Ended.
	Outcome Outcome `json:"outcome,omitempty"`
	// Job is set for StateNow, without its arguments.
	Job *jobs.Job `json:"job,omitempty"`
	// Bars is set for BarsNow.
	Bars []jobs.Bar `json:"bars,omitempty"`
	// Lost counts the events that a Gap stands for.
	Lost int64 `json:"lost,omitempty"`
}

// View is what the latest attempt shows: its latest lines, oldest first, and
// its bars in the order in which they came. Lines are cut at 1 KiB.
type View struct {
	Infos, Warnings, Errors []string
	Bars                    []jobs.Bar
}

// View returns what a job shows; empty for a job that said nothing or that
// does not exist. It reads one row, and for a job that many ask for one row in
// viewAge: what another process stored may be that late. The caller must not
// change the lists.
func (j *Journal) View(ctx context.Context, jobID string) (View, error) {
	now := time.Now()
	if view, ok := j.views.get(jobID, now); ok {
		return view, nil
	}
	row, err := j.row(ctx, jobID)
	if err != nil {
		return View{}, err
	}
	view, err := row.view()
	if err == nil {
		j.views.put(jobID, view, now)
	}
	return view, err
}

// row returns a job's row; one without a job id when there is none.
func (j *Journal) row(ctx context.Context, jobID string) (viewRow, error) {
	var row viewRow
	err := j.db.Reader().NewSelect().Model(&row).Where("job_id = ?", jobID).Scan(ctx)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return viewRow{}, nil
	case err != nil:
		return viewRow{}, fmt.Errorf("read view of job: %w", err)
	}
	return row, nil
}

func (r viewRow) view() (View, error) {
	var v View
	if r.JobID == "" {
		return v, nil
	}
	for _, part := range []struct {
		body string
		into any
	}{{r.Infos, &v.Infos}, {r.Warnings, &v.Warnings}, {r.Errors, &v.Errors}, {r.Bars, &v.Bars}} {
		if err := json.Unmarshal([]byte(part.body), part.into); err != nil {
			return View{}, fmt.Errorf("decode view of job %s: %w", r.JobID, err)
		}
	}
	return v, nil
}

// Events returns up to limit stored events after the given Seq, oldest first.
// Seq goes up by one; where it does not, events were dropped.
func (j *Journal) Events(ctx context.Context, jobID string, after int64, limit int) ([]Event, error) {
	var rows []eventRow
	err := j.db.Reader().NewSelect().Model(&rows).Where("job_id = ? AND seq > ?", jobID, after).
		OrderExpr("seq").Limit(int64(min(max(limit, 1), MaxEvents))).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("read events of job: %w", err)
	}
	events := make([]Event, len(rows))
	for i, row := range rows {
		var p payload
		if err := json.Unmarshal([]byte(row.Payload), &p); err != nil {
			return nil, fmt.Errorf("decode event %d of job %s: %w", row.Seq, jobID, err)
		}
		events[i] = Event{
			Seq: row.Seq, Type: row.Type, At: row.At.UTC(), Attempt: row.Attempt, Text: p.Text, Outcome: p.Outcome,
		}
	}
	return events, nil
}

// clip cuts a line to what a View shows, at a character's border.
func clip(text string) string {
	if len(text) <= maxViewLine {
		return text
	}
	cut := maxViewLine
	for cut > 0 && text[cut]&0xC0 == 0x80 {
		cut--
	}
	return text[:cut] + "…"
}
