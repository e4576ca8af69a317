package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"granary/internal/app"
	"granary/internal/platform/fault"
	"granary/internal/platform/jobs"
	"granary/internal/platform/jobs/journal"
)

type jobsCmd struct {
	List   jobsListCmd   `cmd:"" help:"List jobs, newest first."`
	Show   jobsShowCmd   `cmd:"" help:"Show one job with what its latest attempt says."`
	Logs   jobsLogsCmd   `cmd:"" help:"Print all that a job said."`
	Cancel jobsCancelCmd `cmd:"" help:"Cancel a job; a running server stops it within a second."`
	Retry  jobsRetryCmd  `cmd:"" help:"Run a job again that ended without success, or a waiting one now."`
	Queues jobsQueuesCmd `cmd:"" help:"Count the jobs of each queue by state."`
}

type jobsListCmd struct {
	State  []string      `help:"Only these states: scheduled, queued, running, succeeded, failed, cancelled, timed_out, lost." placeholder:"STATE"`
	Kind   string        `help:"Only this kind."`
	Queue  string        `help:"Only this queue."`
	Since  time.Duration `help:"Only jobs that were enqueued within this time, such as 24h." placeholder:"DURATION"`
	Limit  int           `help:"How many to list, at most 200." default:"50"`
	Cursor string        `help:"Continue after this id."`
}

func (cmd *jobsListCmd) Run(c *cli) error {
	filter := jobs.Filter{Kind: cmd.Kind, Queue: cmd.Queue, Cursor: cmd.Cursor, Limit: cmd.Limit}
	for _, name := range cmd.State {
		state := jobs.State(name)
		if !state.Valid() {
			return fault.New(fault.Invalid, "there is no job state %q", name)
		}
		filter.States = append(filter.States, state)
	}
	if cmd.Since > 0 {
		filter.Since = time.Now().Add(-cmd.Since)
	}
	return c.core(func(core *app.Core) error {
		page, err := core.Jobs.List(c.operator(), filter)
		if err != nil {
			return err
		}
		table := tabwriter.NewWriter(c.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "ID\tKIND\tQUEUE\tSTATE\tATTEMPT\tENQUEUED\tPROGRESS")
		for _, job := range page.Jobs {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d/%d\t%s\t%s\n", job.ID, job.Kind, job.Queue, job.State, job.Attempt, job.MaxAttempts,
				job.CreatedAt.Format(time.DateTime), progress(job))
		}
		if err := table.Flush(); err != nil {
			return err
		}
		if page.Next != "" {
			fmt.Fprintln(c.stdout, "more: --cursor", page.Next)
		}
		return nil
	})
}

// progress is how far a job is, or why it failed, in one line.
func progress(job jobs.Job) string {
	text := job.Progress.Note
	switch {
	case job.Error != "":
		text = job.Error
	case job.Progress.Total > 0:
		text = fmt.Sprintf("%d/%d %s", job.Progress.Done, job.Progress.Total, text)
	}
	return oneLine(text)
}

// oneLine fits text into a table's cell.
func oneLine(text string) string {
	const width = 60
	line := []rune{}
	for _, char := range text {
		switch {
		case len(line) == width:
			return string(line) + "…"
		case char < ' ' || char >= 0x7f && char < 0xa0: // could steer the terminal
			char = ' '
		}
		line = append(line, char)
	}
	return string(line)
}

type jobsShowCmd struct {
	ID string `arg:"" help:"Job id."`
}

func (cmd *jobsShowCmd) Run(c *cli) error {
	return c.core(func(core *app.Core) error {
		job, err := core.Jobs.Get(c.operator(), cmd.ID)
		if err != nil {
			return err
		}
		view, err := core.Journal.View(c.operator(), cmd.ID)
		if err != nil {
			return err
		}
		table := tabwriter.NewWriter(c.stdout, 0, 0, 2, ' ', 0)
		fact := func(name, value string) {
			if value != "" {
				fmt.Fprintf(table, "%s\t%s\n", name, value)
			}
		}
		fact("id", job.ID)
		fact("kind", job.Kind)
		fact("queue", job.Queue)
		fact("state", string(job.State))
		fact("attempt", fmt.Sprintf("%d of %d", job.Attempt, job.MaxAttempts))
		fact("owner", job.Owner)
		fact("enqueued", moment(&job.CreatedAt))
		if job.State == jobs.Scheduled || job.State == jobs.Queued {
			fact("due", moment(&job.RunAt))
		}
		fact("started", moment(job.StartedAt))
		fact("finished", moment(job.FinishedAt))
		fact("progress", progress(job))
		fact("arguments", string(job.Args))
		for _, bar := range view.Bars {
			if !job.State.Finished() {
				fact("bar", oneLine(fmt.Sprintf("%s %d/%d", bar.Context, bar.Current, bar.Total)))
			}
		}
		for _, line := range view.Infos {
			fact("info", oneLine(line))
		}
		for _, line := range view.Warnings {
			fact("warning", oneLine(line))
		}
		for _, line := range view.Errors {
			fact("error", oneLine(line))
		}
		return table.Flush()
	})
}

// moment writes a time in UTC, or nothing.
func moment(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format(time.DateTime)
}

type jobsLogsCmd struct {
	Follow bool   `short:"f" help:"Go on until the job has finished."`
	ID     string `arg:"" help:"Job id."`
}

func (cmd *jobsLogsCmd) Run(c *cli) error {
	return c.core(func(core *app.Core) error {
		job, err := core.Jobs.Get(c.operator(), cmd.ID)
		if err != nil {
			return err
		}
		history, err := core.Journal.History(c.operator(), job)
		if err != nil {
			return err
		}
		for _, event := range history {
			if err := journal.WriteText(c.stdout, event); err != nil {
				return err
			}
		}
		if !cmd.Follow || job.State.Finished() {
			return nil
		}
		return cmd.follow(c, core, history)
	})
}

// follow prints what comes after history. Of the states only the final one is
// news: begin and end of an attempt are events of their own.
func (cmd *jobsLogsCmd) follow(c *cli, core *app.Core, history []journal.Event) error {
	var after int64
	begun := 0
	for _, event := range history {
		after = max(after, event.Seq)
		if event.Type == journal.Started {
			begun = event.Attempt
		}
	}
	events, err := core.Journal.Follow(c.operator(), core.Jobs, cmd.ID, after)
	if err != nil {
		return err
	}
	for event := range events {
		switch {
		case event.Type == journal.StateNow && !event.Job.State.Finished():
			continue
		case event.Type == journal.Started && event.Attempt == begun: // was silent so far
			begun = 0
			continue
		}
		if err := journal.WriteText(c.stdout, event); err != nil {
			return err
		}
	}
	return nil
}

type jobsCancelCmd struct {
	ID string `arg:"" help:"Job id."`
}

func (cmd *jobsCancelCmd) Run(c *cli) error { return c.steerJob(cmd.ID, jobs.Engine.Cancel) }

type jobsRetryCmd struct {
	ID string `arg:"" help:"Job id."`
}

func (cmd *jobsRetryCmd) Run(c *cli) error { return c.steerJob(cmd.ID, jobs.Engine.Retry) }

// steerJob acts on a job and says how it stands then.
func (c *cli) steerJob(id string, act func(engine jobs.Engine, ctx context.Context, id string) error) error {
	return c.core(func(core *app.Core) error {
		if err := act(core.Jobs, c.operator(), id); err != nil {
			return err
		}
		job, err := core.Jobs.Get(c.operator(), id)
		if err != nil {
			return err
		}
		state := string(job.State)
		if job.CancelRequested {
			state += ", told to stop"
		}
		fmt.Fprintln(c.stdout, state)
		return nil
	})
}

type jobsQueuesCmd struct{}

func (jobsQueuesCmd) Run(c *cli) error {
	return c.core(func(core *app.Core) error {
		depths, err := core.Jobs.Stats(c.operator())
		if err != nil {
			return err
		}
		table := tabwriter.NewWriter(c.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "QUEUE\tSTATE\tJOBS")
		for _, d := range depths {
			fmt.Fprintf(table, "%s\t%s\t%d\n", d.Queue, d.State, d.Count)
		}
		return table.Flush()
	})
}
