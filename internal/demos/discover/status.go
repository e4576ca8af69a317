package discover

import (
	"encoding/json"
	"net/http"

	"granary/internal/demos"
	"granary/internal/platform/fault"
	"granary/internal/platform/jobs"
)

// status is the answer to a status request. Nothing may be added at this
// level: one front end merges it over members of its own.
type status struct {
	TrackingID string `json:"tracking_id"`
	Log        any    `json:"log"`
}

// logged is what a page shows of a task that has no output yet.
type logged struct {
	Status   string   `json:"status"`
	ID       string   `json:"id,omitempty"`
	Infos    []string `json:"infos"`
	Progress []bar    `json:"progress,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
	Errors   []string `json:"errors,omitempty"`
}

// bar is one progress bar; total is null while it is unknown.
type bar struct {
	Context string `json:"context"`
	Current int64  `json:"current"`
	Total   *int64 `json:"total"`
}

func (d *Door) status(r *http.Request) (any, error) {
	id := r.PathValue("id")
	pending := status{id, logged{Status: "PENDING", Infos: []string{"Task still running"}}}
	s, err := d.demos.Status(r.Context(), id)
	if fault.Is(err, fault.NotFound) {
		return pending, nil
	}
	if err != nil {
		return nil, err
	}
	switch s.State {
	case demos.Waiting, demos.Open:
		return pending, nil
	case demos.Running:
		return status{id, running(s)}, nil
	case demos.Succeeded:
		output, err := d.demos.Output(r.Context(), s.Task)
		return status{id, output}, err
	}
	return status{id, ended(s)}, nil
}

func running(s demos.Status) logged {
	out := logged{Status: "PROGRESS", ID: s.Task.ID, Infos: s.View.Infos, Warnings: s.View.Warnings, Errors: s.View.Errors}
	for _, b := range s.View.Bars {
		out.Progress = append(out.Progress, progressBar(b))
	}
	if out.Infos == nil {
		out.Infos = []string{}
	}
	return out
}

func progressBar(b jobs.Bar) bar {
	out := bar{Context: b.Context, Current: b.Current}
	if b.Total > 0 {
		out.Total = &b.Total
	}
	return out
}

// ended is the log of a task without a result. A task that was cancelled
// before it began has none.
func ended(s demos.Status) any {
	out := logged{Status: "ERROR", Errors: s.View.Errors}
	switch {
	case s.State == demos.Cancelled && !s.Task.Begun:
		return json.RawMessage("null")
	case s.State == demos.Cancelled:
		out.Infos = []string{"Error: Actor raised Abort ()"}
	case s.State == demos.TimedOut:
		out.Infos = []string{"Error: Actor raised TimeLimitExceeded ()"}
	default:
		out.Infos = []string{"Error: " + s.Task.Error}
		out.Errors = append(out.Errors, s.Task.Error)
	}
	return out
}
