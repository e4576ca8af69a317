package jobs

import (
	"encoding/json"
	"fmt"
	"time"
)

// State is where a job stands. Scheduled and Queued are both waiting; those
// from Succeeded on are final until Retry.
type State string

// The states.
const (
	// Scheduled waits for its RunAt.
	Scheduled State = "scheduled"
	// Queued is due and waits for a free slot.
	Queued State = "queued"
	// Running has a live attempt.
	Running State = "running"
	// Succeeded finished without an error.
	Succeeded State = "succeeded"
	// Failed ended in a permanent error or used up its attempts.
	Failed State = "failed"
	// Cancelled was stopped by Cancel.
	Cancelled State = "cancelled"
	// TimedOut ran past its time limit in its last attempt.
	TimedOut State = "timed_out"
	// Lost had its last attempt in a process that stopped responding.
	Lost State = "lost"
)

// Finished reports whether the state is final until Retry.
func (s State) Finished() bool {
	switch s {
	case Succeeded, Failed, Cancelled, TimedOut, Lost:
		return true
	}
	return false
}

// Valid reports whether s is one of the states above.
func (s State) Valid() bool {
	return s == Scheduled || s == Queued || s == Running || s.Finished()
}

// Priority orders due jobs of one queue; lower runs first.
type Priority int

// The priorities. The zero value in a Policy or option means Normal.
const (
	Urgent Priority = 1
	Normal Priority = 2
	Low    Priority = 3
	Idle   Priority = 4
)

// Progress is how far the latest attempt has come, in units that the kind
// chooses. Total is 0 while it is unknown.
type Progress struct {
	Done  int64  `json:"done"`
	Total int64  `json:"total"`
	Note  string `json:"note,omitempty"`
}

// Job is one job as it stands. Times are UTC.
type Job struct {
	// ID is a UUID v7, so that ids sort by the time of enqueueing.
	ID       string          `json:"id"`
	Kind     string          `json:"kind"`
	Queue    string          `json:"queue"`
	State    State           `json:"state"`
	Priority Priority        `json:"priority"`
	Args     json.RawMessage `json:"args,omitempty"`
	// Owner is the id of the user for whom the job works; empty for the
	// house itself.
	Owner string `json:"owner,omitempty"`
	// Attempt counts the attempts begun; one that shutdown gave back does not count.
	Attempt     int      `json:"attempt"`
	MaxAttempts int      `json:"max_attempts"`
	Progress    Progress `json:"progress"`
	// Error says why the latest attempt failed, in words that a user may
	// read; empty after a success.
	Error string `json:"error,omitempty"`
	// CancelRequested is set while a running job has been told to stop.
	CancelRequested bool       `json:"cancel_requested"`
	CreatedAt       time.Time  `json:"created_at"`
	RunAt           time.Time  `json:"run_at"`
	StartedAt       *time.Time `json:"started_at,omitempty"`
	FinishedAt      *time.Time `json:"finished_at,omitempty"`
}

// Filter selects jobs for List; zero fields select all.
type Filter struct {
	States []State
	Kind   string
	Queue  string
	Owner  string
	// Since and Until bound the time of enqueueing, to the millisecond; Until
	// itself is left out.
	Since, Until time.Time
	// Cursor is the Next of the page before.
	Cursor string
	// Limit is the page size, 1..MaxPage. Defaults to 50.
	Limit int
}

// Page sizes of List.
const (
	defaultPage = 50
	MaxPage     = 200
)

// PageSize returns the limit within its bounds.
func (f Filter) PageSize() int {
	if f.Limit <= 0 {
		return defaultPage
	}
	return min(f.Limit, MaxPage)
}

// IDs returns the bounds that Since, Until and Cursor set to the ids: from is
// the least and before the first beyond; empty means none. A job's id begins
// with the time of enqueueing (RFC 9562 §5.7).
func (f Filter) IDs() (from, before string) {
	before = f.Cursor
	if !f.Until.IsZero() {
		if until := firstID(f.Until); before == "" || until < before {
			before = until
		}
	}
	if !f.Since.IsZero() {
		from = firstID(f.Since)
	}
	return from, before
}

// firstID sorts before every id made at t or later, and after all others.
func firstID(t time.Time) string {
	digits := fmt.Sprintf("%012x", max(t.UnixMilli(), 0))
	return digits[:8] + "-" + digits[8:12]
}

// Page is a list of jobs, newest first. Next is empty on the last page.
type Page struct {
	Jobs []Job  `json:"jobs"`
	Next string `json:"next,omitempty"`
}

// Depth is the number of jobs in one state of one queue.
type Depth struct {
	Queue string `json:"queue"`
	State State  `json:"state"`
	Count int64  `json:"count"`
}
