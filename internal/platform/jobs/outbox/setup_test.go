package outbox_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"granary/internal/platform/database"
	"granary/internal/platform/database/databasetest"
	"granary/internal/platform/jobs/outbox"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// each runs fn on both databases.
func each(t *testing.T, fn func(t *testing.T, db *database.DB)) {
	t.Helper()
	databasetest.Each(t, []database.Migrations{outbox.Migrations()}, fn)
}

// quick has no pause between attempts.
func quick() outbox.Config {
	return outbox.Config{
		Poll: 20 * time.Millisecond, Backoff: func(int) time.Duration { return time.Millisecond },
	}
}

// start returns an outbox that delivers until the test ends.
func start(t *testing.T, db *database.DB, cfg outbox.Config) *outbox.Outbox {
	t.Helper()
	o := outbox.New(db, cfg)
	if err := o.Start(t.Context()); err != nil {
		t.Fatalf("Start: %v", err)
	}
	t.Cleanup(o.Stop)
	return o
}

func add(t *testing.T, db *database.DB, o *outbox.Outbox, messages ...outbox.Message) {
	t.Helper()
	err := db.InTx(t.Context(), func(ctx context.Context, tx database.Tx) error {
		for _, m := range messages {
			if err := o.Add(ctx, tx, m); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatalf("Add: %v", err)
	}
}

func silence(t *testing.T, db *database.DB, o *outbox.Outbox, stream string) {
	t.Helper()
	if err := db.InTx(t.Context(), func(ctx context.Context, tx database.Tx) error { return o.Silence(ctx, tx, stream) }); err != nil {
		t.Fatalf("Silence: %v", err)
	}
}

func deliveries(t *testing.T, o *outbox.Outbox, stream string) []outbox.Delivery {
	t.Helper()
	found, err := o.Deliveries(t.Context(), stream)
	if err != nil {
		t.Fatalf("Deliveries: %v", err)
	}
	return found
}

func states(t *testing.T, o *outbox.Outbox, stream string) []outbox.State {
	t.Helper()
	var all []outbox.State
	for _, d := range deliveries(t, o, stream) {
		all = append(all, d.State)
	}
	return all
}

// await looks until ok, which the test's own limit bounds.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	limit := time.NewTimer(30 * time.Second)
	defer limit.Stop()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for !ok() {
		select {
		case <-limit.C:
			t.Fatalf("waited in vain: %s", what)
		case <-ticker.C:
		}
	}
}

func awaitStates(t *testing.T, o *outbox.Outbox, stream string, want ...outbox.State) {
	t.Helper()
	await(t, stream+" in its states", func() bool { return slices.Equal(states(t, o, stream), want) })
}

// front is a receiver that remembers what it was sent.
type front struct {
	*httptest.Server
	mu     sync.Mutex
	events []string
	heads  []http.Header
	lines  []string
}

// newFront answers as answer says for each event, or 200. It runs outside the
// lock, so that it may block.
func newFront(t *testing.T, answer func(event string, w http.ResponseWriter, r *http.Request)) *front {
	t.Helper()
	f := &front{}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		var event struct {
			Event string `json:"event"`
		}
		_ = json.Unmarshal(body, &event) // a body without an event is one of no name
		f.mu.Lock()
		f.events = append(f.events, event.Event)
		f.heads = append(f.heads, r.Header.Clone())
		f.lines = append(f.lines, r.Method+" "+r.RequestURI+" "+string(body))
		f.mu.Unlock()
		if answer != nil {
			answer(event.Event, w, r)
		}
	}))
	t.Cleanup(f.Close)
	return f
}

func (f *front) seen() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.events)
}

func (f *front) message(stream, event string) outbox.Message {
	return outbox.Message{Stream: stream, URL: f.URL + "/watch?token=hunter2", Body: []byte(`{"event":"` + event + `"}`), Final: strings.HasPrefix(event, "SUCCESS")}
}
