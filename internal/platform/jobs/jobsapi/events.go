package jobsapi

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"granary/internal/platform/fault"
	"granary/internal/platform/jobs/journal"
	"granary/internal/platform/web"
)

// heartbeat is how often an idle stream sends a comment, so that proxies keep
// it open and a client that is gone is noticed.
const heartbeat = 15 * time.Second

// Event is one entry of a job's journal on the wire.
type Event struct {
	Type    journal.Type    `json:"type"`
	Seq     int64           `json:"seq,omitempty"`
	At      time.Time       `json:"at"`
	Attempt int             `json:"attempt,omitempty"`
	Text    string          `json:"text,omitempty"`
	Outcome journal.Outcome `json:"outcome,omitempty"`
	Job     *Job            `json:"job,omitempty"`
	Bars    *[]Bar          `json:"bars,omitempty"`
	Lost    int64           `json:"lost,omitempty"`
}

func newEvent(e journal.Event) Event {
	out := Event{Type: e.Type, Seq: e.Seq, At: e.At, Attempt: e.Attempt, Text: e.Text, Outcome: e.Outcome, Lost: e.Lost}
	if e.Job != nil {
		job := newJob(*e.Job)
		out.Job = &job
	}
	if e.Type == journal.BarsNow {
		list := bars(e.Bars)
		out.Bars = &list
	}
	return out
}

func (a api) eventRoutes() []web.Route {
	return []web.Route{
		{
			Method: http.MethodGet, Path: "/api/v1/jobs/{id}/events", Access: web.SignedIn,
			Summary: "Follow what a job says",
			Description: "Server-sent events until the job has finished. Each data line is a JSON object with a `type`: `started`, `ended`, `info`, `warning` and `error` " +
				"are kept and carry an id, so that a client that reconnects with `Last-Event-ID` misses none of them; `gap` says how many were dropped because a job keeps its latest 2,000. " +
				"`state` has the job in `job` and `bars` all progress bars, whenever they change. The last event is the final `state`.",
			Query:    []web.Param{{Name: "after", Summary: "Send what comes after this id; the header Last-Event-ID wins."}},
			Response: &web.Body{MediaType: "text/event-stream"},
			// A stream is nearly always idle and must not take a place from
			// those who work; the journal bounds how many there are.
			Unlimited: true,
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if err := ServeEvents(w, r, a.journal, a.desk, r.PathValue("id")); err != nil {
					web.WriteProblem(w, r, err)
				}
			}),
		},
		{
			Method: http.MethodGet, Path: "/api/v1/jobs/{id}/logs", Access: web.SignedIn,
			Summary:  "All that a job said, as text",
			Response: &web.Body{MediaType: "text/plain; charset=utf-8"},
			Handler:  http.HandlerFunc(a.logs),
		},
	}
}

// Follower gives a job's events; *journal.Journal is one.
type Follower interface {
	Follow(ctx context.Context, source journal.Source, jobID string, after int64) (<-chan journal.Event, error)
}

// ServeEvents answers with a job's events as a stream (WHATWG HTML §9.2) until
// the job is final or the client leaves. source decides who may see the job.
// It returns an error only where nothing was written yet.
func ServeEvents(w http.ResponseWriter, r *http.Request, log Follower, source journal.Source, id string) error {
	after, err := lastSeen(r)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	events, err := log.Follow(ctx, source, id, after)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would hold events back
	if r.Method == http.MethodHead {
		w.WriteHeader(http.StatusOK)
		return nil
	}
	stream(w, events)
	return nil
}

func lastSeen(r *http.Request) (int64, error) {
	text := r.Header.Get("Last-Event-ID")
	if text == "" {
		text = r.URL.Query().Get("after")
	}
	if text == "" {
		return 0, nil
	}
	after, err := strconv.ParseInt(text, 10, 64)
	if err != nil || after < 0 {
		return 0, fault.New(fault.Invalid, "the id of the last event must be a number that an event carried")
	}
	return after, nil
}

// stream writes events as they come; those that wait leave together.
func stream(w http.ResponseWriter, events <-chan journal.Event) {
	out, control := bufio.NewWriter(w), http.NewResponseController(w)
	flush := func() bool { return out.Flush() == nil && control.Flush() == nil }
	idle := time.NewTicker(heartbeat)
	defer idle.Stop()
	_, _ = out.WriteString("retry: 2000\n\n") // out keeps its first error for Flush
	for {
		if len(events) == 0 && !flush() {
			return
		}
		select {
		case event, ok := <-events:
			if !ok {
				flush()
				return
			}
			idle.Reset(heartbeat)
			if !write(out, event) {
				return
			}
		case <-idle.C:
			_, _ = out.WriteString(": still here\n\n")
		}
	}
}

// write writes one event in one data line: JSON has no line break.
func write(out *bufio.Writer, event journal.Event) bool {
	body, err := json.Marshal(newEvent(event))
	if err != nil {
		return false
	}
	if event.Seq > 0 {
		_, _ = out.WriteString("id: " + strconv.FormatInt(event.Seq, 10) + "\n")
	}
	_, _ = out.WriteString("data: ")
	_, _ = out.Write(body)
	_, err = out.WriteString("\n\n")
	return err == nil
}

func (a api) logs(w http.ResponseWriter, r *http.Request) {
	job, err := a.desk.Get(r.Context(), r.PathValue("id"))
	if err != nil {
		web.WriteProblem(w, r, err)
		return
	}
	history, err := a.journal.History(r.Context(), job)
	if err != nil {
		web.WriteProblem(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	out := bufio.NewWriter(w)
	for _, event := range history {
		if err := journal.WriteText(out, event); err != nil {
			return // the client has gone
		}
	}
	_ = out.Flush()
}
