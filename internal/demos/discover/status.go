package discover

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"granary/internal/demos"
	"granary/internal/platform/fault"
	"granary/internal/platform/jobs"
	"granary/internal/platform/web"
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

func (d *Door) status(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	answer := status{id, logged{Status: "PENDING", Infos: []string{"Task still running"}}}
	s, err := d.demos.Status(r.Context(), id)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	switch {
	case err != nil, s.State == demos.Waiting, s.State == demos.Open:
	case s.State == demos.Running:
		answer.Log = running(s)
	case s.State == demos.Succeeded && s.Task.OutputKey != "":
		output, err := d.demos.OpenOutput(r.Context(), s.Task)
		if err != nil {
			return err
		}
		return sendLong(w, r, id, output)
	case s.State == demos.Succeeded:
		if answer.Log, err = d.demos.Output(r.Context(), s.Task); err != nil {
			return err
		}
	default:
		answer.Log = ended(s)
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}

// sendLong answers a status whose log is too long for memory, which any number
// of clients may ask for at once. The output is closed.
func sendLong(w http.ResponseWriter, r *http.Request, id string, output demos.Content) (err error) {
	defer func() { err = errors.Join(err, output.Body.Close()) }()
	head, tail := `{"tracking_id":`+string(asText(id))+`,"log":`, "}"
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.FormatInt(int64(len(head)+len(tail))+output.Size, 10))
	if r.Method == http.MethodHead {
		return nil
	}
	if _, err := io.Copy(w, io.MultiReader(strings.NewReader(head), output.Body, strings.NewReader(tail))); err != nil {
		web.LogError(r.Context(), err)
		panic(http.ErrAbortHandler) // a cut-off answer must not look whole
	}
	return nil
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
