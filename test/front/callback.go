package front

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"testing"

	"github.com/google/uuid"
)

// maxBody is the longest callback in bytes that the demo front takes.
const maxBody = 25_000_000

// Callback is one notification and how the front answered it.
type Callback struct {
	Path, Query string
	Body        []byte
	// Event, TrackingID and ExperimentID are members of the body.
	Event, TrackingID, ExperimentID string
	Fields                          map[string]json.RawMessage
	// Status is the answer; 0 while the handler works or when it was broken off.
	Status int
}

// Text returns a member that is a text, or "".
func (c *Callback) Text(name string) string {
	var text string
	if json.Unmarshal(c.Fields[name], &text) != nil {
		return ""
	}
	return text
}

// Final reports whether nothing may follow the callback.
func (c *Callback) Final() bool {
	return c.Event == "SUCCESS" || c.Event == "ERROR" && string(c.Fields["completed"]) != "false"
}

// take reads a notification, checks what holds for all, and lets work answer.
func (f *Front) take(w http.ResponseWriter, r *http.Request, work func(*Callback) (status int, answer any)) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return // the server broke off
	}
	c := &Callback{Path: r.URL.Path, Query: r.URL.RawQuery, Body: body}
	switch {
	case r.Header.Get("Content-Type") != "application/json":
		f.fault("callback %s has the content type %q", c.Path, r.Header.Get("Content-Type"))
	case len(body) > maxBody:
		f.fault("callback %s is longer than %d bytes", c.Path, maxBody)
		http.Error(w, "<h1>Bad Request</h1>", http.StatusBadRequest)
		return
	case json.Unmarshal(body, &c.Fields) != nil:
		f.fault("callback %s is no object: %.200s", c.Path, body)
		http.Error(w, "<h1>Server Error</h1>", http.StatusInternalServerError)
		return
	}
	c.Event, c.TrackingID, c.ExperimentID = c.Text("event"), c.Text("tracking_id"), c.Text("experiment_id")
	if _, err := uuid.Parse(c.TrackingID); err != nil || c.Event == "" || c.ExperimentID == "" {
		f.fault("callback %s does not say whose it is: %.200s", c.Path, body)
	}
	f.arrive(r.Context(), c)
	status, answer := work(c)
	f.leave(r.Context(), c, status)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		return // the server broke off
	}
}

// Accept takes every callback at a path and answers 200 at once. It returns
// the address.
func (f *Front) Accept(path string) string {
	f.mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
		f.take(w, r, func(*Callback) (int, any) { return http.StatusOK, map[string]any{"success": true} })
	})
	return f.URL + path
}

// arrive keeps a callback and holds its order. A handler whose caller has gone
// counts no more: its callback will be sent again.
func (f *Front) arrive(ctx context.Context, c *Callback) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if slices.ContainsFunc(f.open[c.TrackingID], func(other context.Context) bool { return other.Err() == nil }) {
		f.faults = append(f.faults, "two callbacks of the task "+c.TrackingID+" are open at once")
	}
	switch end := f.ended[c.TrackingID]; {
	case end == nil:
	case bytes.Equal(end.Body, c.Body):
		f.repeated++ // its answer was lost: at least once
	default:
		f.faults = append(f.faults, c.Event+" after "+end.Event+" of the task "+c.TrackingID)
	}
	f.open[c.TrackingID] = append(f.open[c.TrackingID], ctx)
	f.callbacks = append(f.callbacks, c)
	f.note()
}

// leave notes the answer.
func (f *Front) leave(ctx context.Context, c *Callback, status int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.open[c.TrackingID] = slices.DeleteFunc(f.open[c.TrackingID], func(one context.Context) bool { return one == ctx })
	c.Status = status
	if status == http.StatusOK && c.Final() {
		f.ended[c.TrackingID] = c
	}
	f.note()
}

// Callbacks returns those of one task so far, in the order of their arrival.
func (f *Front) Callbacks(trackingID string) []*Callback {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.of(trackingID)
}

// of is Callbacks under the lock.
func (f *Front) of(trackingID string) []*Callback {
	return slices.DeleteFunc(slices.Clone(f.callbacks), func(c *Callback) bool { return c.TrackingID != trackingID })
}

// Events returns the names of a task's callbacks in order.
func (f *Front) Events(trackingID string) []string {
	var names []string
	for _, c := range f.Callbacks(trackingID) {
		names = append(names, c.Event)
	}
	return names
}

// AwaitEvent waits for a task's first callback of that name, answered or not.
func (f *Front) AwaitEvent(t testing.TB, trackingID, event string) *Callback {
	t.Helper()
	var found *Callback
	f.await(t, event+" of "+trackingID, func() bool {
		for _, c := range f.of(trackingID) {
			if c.Event == event {
				found = c
			}
		}
		return found != nil
	})
	return found
}

// Ended returns the ends that the front accepted, by tracking id, and how many
// callbacks repeated one, byte for byte, because the answer to it was lost.
func (f *Front) Ended() (ends map[string]*Callback, repeated int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	ends = make(map[string]*Callback, len(f.ended))
	for id, c := range f.ended {
		ends[id] = c
	}
	return ends, f.repeated
}

// Heard returns the tracking ids of all callbacks, sorted.
func (f *Front) Heard() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	ids := make([]string, len(f.callbacks))
	for i, c := range f.callbacks {
		ids[i] = c.TrackingID
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}
