package jobsapi_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"granary/internal/platform/jobs"
)

// message is one server-sent event.
type message struct {
	ID   string
	Data map[string]any
}

// readMessage reads the next event that is no comment; ok is false at the end.
func readMessage(t *testing.T, lines *bufio.Scanner) (m message, ok bool) {
	t.Helper()
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch name {
		case "id":
			m.ID = value
		case "data":
			if err := json.Unmarshal([]byte(value), &m.Data); err != nil {
				t.Fatalf("event %q: %v", value, err)
			}
		case "":
			if m.Data != nil {
				return m, true
			}
		}
	}
	return m, false
}

func (m message) brief() string {
	text := m.ID + " " + m.Data["type"].(string)
	if job, ok := m.Data["job"].(map[string]any); ok {
		text += " " + job["state"].(string)
	}
	if line, ok := m.Data["text"].(string); ok {
		text += " " + line
	}
	return text
}

func TestEventsStreamUntilTheJobEnds(t *testing.T) {
	t.Parallel()
	b := setup(t)
	server := httptest.NewServer(b.server.Handler(0))
	t.Cleanup(server.Close)
	open := func(lastID string) *bufio.Scanner {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		t.Cleanup(cancel)
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/api/v1/jobs/"+b.owned+"/events", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Test-Caller", "owner")
		r.Header.Set("Last-Event-ID", lastID)
		response, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = response.Body.Close() })
		if got := response.Header.Get("Content-Type"); response.StatusCode != 200 || got != "text/event-stream" {
			t.Fatalf("stream = %d %s, want 200 text/event-stream", response.StatusCode, got)
		}
		return bufio.NewScanner(response.Body)
	}
	lines := open("")
	first, _ := readMessage(t, lines)
	if got := first.brief(); got != " state scheduled" {
		t.Fatalf("first event = %q, want the state without an id", got)
	}
	record := b.journal.Open(jobs.Job{ID: b.owned, Attempt: 1})
	record.Line(jobs.Info, "two\nlines")
	record.Bar(jobs.Bar{Key: "docs", Current: 1, Total: 2})
	record.Flush(t.Context())
	got := []string{}
	for range 3 {
		m, ok := readMessage(t, lines)
		if !ok {
			t.Fatal("the stream ended early")
		}
		got = append(got, m.brief())
	}
	b.call(t, "owner", "POST", "/api/v1/jobs/"+b.owned+"/cancel")
	for m, ok := readMessage(t, lines); ok; m, ok = readMessage(t, lines) {
		got = append(got, m.brief())
	}
	want := []string{"1 started", "2 info two\nlines", " bars", " state cancelled"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	again, got := open("1"), []string{}
	for m, ok := readMessage(t, again); ok; m, ok = readMessage(t, again) {
		got = append(got, m.brief())
	}
	if diff := cmp.Diff([]string{"2 info two\nlines", " state cancelled"}, got); diff != "" {
		t.Errorf("events after 1 (-want +got):\n%s", diff)
	}
	_, shown := b.call(t, "owner", "GET", "/api/v1/jobs/"+b.owned)
	if diff := cmp.Diff([]any{"two\nlines"}, shown["infos"]); diff != "" || shown["bars"] != nil {
		t.Errorf("a finished job shows bars %v and infos (-want +got):\n%s", shown["bars"], diff)
	}
	_, logs := b.call(t, "owner", "GET", "/api/v1/jobs/"+b.owned+"/logs")
	for _, want := range []string{"  job queued\n", "  attempt 1 started\n", "  two\n    lines\n", "  job cancelled\n"} {
		if !strings.Contains(logs["text"].(string), want) {
			t.Errorf("the log lacks %q:\n%s", want, logs["text"])
		}
	}
}
