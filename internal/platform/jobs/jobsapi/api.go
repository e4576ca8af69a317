// Package jobsapi serves the jobs in Granary's own wire format under
// /api/v1. It holds no rules: jobs.Desk decides who sees and steers what.
//
//	jobs, jobs/{id}, jobs/{id}/cancel, jobs/{id}/retry   the caller's jobs, all for admins
//	jobs/{id}/events, jobs/{id}/logs                     what a job says: live, and as text
//	queues                                               depths, for admins
package jobsapi

import (
	"context"
	"encoding/json"
	"time"

	"granary/internal/platform/jobs"
	"granary/internal/platform/jobs/journal"
	"granary/internal/platform/web"
)

// Register adds the routes to a native door.
func Register(n *web.Native, desk *jobs.Desk, log *journal.Journal) {
	a := api{desk: desk, journal: log}
	web.Handle(n, web.Operation{
		Method: "GET", Path: "/api/v1/jobs", Access: web.SignedIn,
		Summary: "List jobs, newest first", Description: "Administrators see every job, others those that work for them.",
	}, a.list)
	web.Handle(n, web.Operation{
		Method: "GET", Path: "/api/v1/jobs/{id}", Access: web.SignedIn,
		Summary: "Show a job with what its latest attempt says",
	}, a.get)
	n.Add(a.eventRoutes()...)
	web.Handle(n, web.Operation{
		Method: "POST", Path: "/api/v1/jobs/{id}/cancel", Access: web.SignedIn,
		Summary:     "Cancel a job",
		Description: "A waiting job ends at once; a running one is told to stop. A finished job stays as it is.",
	}, a.cancel)
	web.Handle(n, web.Operation{
		Method: "POST", Path: "/api/v1/jobs/{id}/retry", Access: web.SignedIn,
		Summary:     "Run a job again",
		Description: "Makes a waiting job, or one that ended without success, due now. A running or succeeded one is a conflict.",
	}, a.retry)
	web.Handle(n, web.Operation{
		Method: "GET", Path: "/api/v1/queues", Access: web.AdminOnly,
		Summary: "Count the jobs of each queue by state",
	}, a.queues)
}

type api struct {
	desk    *jobs.Desk
	journal *journal.Journal
}

// Progress is how far a job has come.
type Progress struct {
	Done  int64  `json:"done"`
	Total int64  `json:"total" doc:"0 while it is unknown."`
	Note  string `json:"note,omitempty"`
}

// Job is a job on the wire.
type Job struct {
	ID              string          `json:"id"`
	Kind            string          `json:"kind"`
	Queue           string          `json:"queue"`
	State           string          `json:"state" enum:"scheduled,queued,running,succeeded,failed,cancelled,timed_out,lost"`
	Priority        int             `json:"priority" minimum:"1" maximum:"4" doc:"1 runs first."`
	Args            json.RawMessage `json:"args,omitempty" doc:"For administrators only."`
	Owner           string          `json:"owner,omitempty" doc:"Id of the user for whom the job works."`
	Attempt         int             `json:"attempt"`
	MaxAttempts     int             `json:"max_attempts"`
	Progress        Progress        `json:"progress"`
	Error           string          `json:"error,omitempty" doc:"Why the latest attempt failed."`
	CancelRequested bool            `json:"cancel_requested"`
	CreatedAt       time.Time       `json:"created_at"`
	RunAt           time.Time       `json:"run_at"`
	StartedAt       *time.Time      `json:"started_at,omitempty"`
	FinishedAt      *time.Time      `json:"finished_at,omitempty"`
}

func newJob(j jobs.Job) Job {
	return Job{
		ID: j.ID, Kind: j.Kind, Queue: j.Queue, State: string(j.State), Priority: int(j.Priority), Args: j.Args,
		Owner: j.Owner, Attempt: j.Attempt, MaxAttempts: j.MaxAttempts, Progress: Progress(j.Progress),
		Error: j.Error, CancelRequested: j.CancelRequested, CreatedAt: j.CreatedAt, RunAt: j.RunAt,
		StartedAt: j.StartedAt, FinishedAt: j.FinishedAt,
	}
}

type listInput struct {
	State  []string  `query:"state" maxItems:"8" enum:"scheduled,queued,running,succeeded,failed,cancelled,timed_out,lost" doc:"Only these states, separated by commas."`
	Kind   string    `query:"kind" maxLength:"64" doc:"Only this kind."`
	Queue  string    `query:"queue" maxLength:"64" doc:"Only this queue."`
	Owner  string    `query:"owner" maxLength:"64" doc:"Only jobs that work for this user id."`
	Since  time.Time `query:"since" doc:"Only jobs that were enqueued then or later."`
	Until  time.Time `query:"until" doc:"Only jobs that were enqueued before."`
	Cursor string    `query:"cursor" maxLength:"64" doc:"What the previous part returned as next."`
	Limit  int       `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"How many to return."`
}

type listOutput struct {
	Body struct {
		Jobs []Job  `json:"jobs"`
		Next string `json:"next,omitempty" doc:"Value of cursor for the next part; absent at the end."`
	}
}

type jobInput struct {
	ID string `path:"id" maxLength:"64" doc:"Id of the job."`
}

type jobOutput struct{ Body Job }

// Shown is a job with what its latest attempt says.
type Shown struct {
	Job
	Infos    []string `json:"infos,omitempty" doc:"The latest lines, at most 10."`
	Warnings []string `json:"warnings,omitempty"`
	Errors   []string `json:"errors,omitempty" doc:"Parts that failed while the job went on."`
	Bars     []Bar    `json:"bars,omitempty" doc:"Of a running job."`
}

// Bar is a progress bar.
type Bar struct {
	Key     string `json:"key"`
	Context string `json:"context,omitempty" doc:"Title."`
	Current int64  `json:"current"`
	Total   int64  `json:"total" doc:"0 while it is unknown."`
}

func bars(from []jobs.Bar) []Bar {
	out := make([]Bar, 0, len(from))
	for _, b := range from {
		out = append(out, Bar{Key: b.Key, Context: b.Context, Current: b.Current, Total: b.Total})
	}
	return out
}

type shownOutput struct{ Body Shown }

// Queue is the number of jobs in one state of one queue.
type Queue struct {
	Queue string `json:"queue"`
	State string `json:"state" enum:"scheduled,queued,running,succeeded,failed,cancelled,timed_out,lost"`
	Count int64  `json:"count"`
}

type queuesOutput struct {
	Body struct {
		Queues []Queue `json:"queues"`
	}
}

func (a api) list(ctx context.Context, in *listInput) (*listOutput, error) {
	filter := jobs.Filter{
		Kind: in.Kind, Queue: in.Queue, Owner: in.Owner, Since: in.Since, Until: in.Until, Cursor: in.Cursor, Limit: in.Limit,
	}
	for _, state := range in.State {
		filter.States = append(filter.States, jobs.State(state))
	}
	page, err := a.desk.List(ctx, filter)
	if err != nil {
		return nil, err
	}
	out := &listOutput{}
	out.Body.Jobs, out.Body.Next = make([]Job, 0, len(page.Jobs)), page.Next
	for _, job := range page.Jobs {
		out.Body.Jobs = append(out.Body.Jobs, newJob(job))
	}
	return out, nil
}

func (a api) get(ctx context.Context, in *jobInput) (*shownOutput, error) {
	job, err := a.desk.Get(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	view, err := a.journal.View(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	shown := Shown{Job: newJob(job), Infos: view.Infos, Warnings: view.Warnings, Errors: view.Errors}
	if !job.State.Finished() {
		shown.Bars = bars(view.Bars)
	}
	return &shownOutput{Body: shown}, nil
}

func (a api) cancel(ctx context.Context, in *jobInput) (*jobOutput, error) {
	return answer(a.desk.Cancel(ctx, in.ID))
}

func (a api) retry(ctx context.Context, in *jobInput) (*jobOutput, error) {
	return answer(a.desk.Retry(ctx, in.ID))
}

func answer(job jobs.Job, err error) (*jobOutput, error) {
	if err != nil {
		return nil, err
	}
	return &jobOutput{Body: newJob(job)}, nil
}

func (a api) queues(ctx context.Context, _ *struct{}) (*queuesOutput, error) {
	depths, err := a.desk.Stats(ctx)
	if err != nil {
		return nil, err
	}
	out := &queuesOutput{}
	out.Body.Queues = make([]Queue, 0, len(depths))
	for _, d := range depths {
		out.Body.Queues = append(out.Body.Queues, Queue{Queue: d.Queue, State: string(d.State), Count: d.Count})
	}
	return out, nil
}
