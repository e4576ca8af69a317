package demos_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"granary/internal/demos"
	"granary/internal/demos/dataset"
	"granary/internal/platform/jobs/outbox"
)

// A front end keeps its record of a task only after the start request was
// answered; storing a long request may take more than the grace.
func TestFirstCallbackWaitsFromTheCommitOn(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		b = setup(t, b.db, demos.Config{Grace: time.Hour})
		task := b.start(t, "", "one")
		b.exec(t, "UPDATE demos_tasks SET created_at = ? WHERE id = ?", time.Now().UTC().Add(-2*time.Hour), task.ID)
		b.run(t)
		b.await(t, task.ID, demos.Succeeded)
		deliveries, err := b.calls.Deliveries(t.Context(), task.JobID)
		if err != nil || len(deliveries) != 3 {
			t.Fatalf("deliveries = %+v, %v; want three", deliveries, err)
		}
		first := deliveries[0]
		if first.State != outbox.Pending || first.NextAt == nil || time.Until(*first.NextAt) < 50*time.Minute {
			t.Errorf("first callback = %+v, want it to wait for about an hour", first)
		}
		for _, later := range deliveries[1:] {
			if later.Attempts != 0 {
				t.Errorf("callback %+v left before the first", later)
			}
		}
	})
}

// A result that no callback can carry is kept; the front end hears of an
// error rather than nothing.
func TestResultTooLongForCallback(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		b.calls.Stop()
		b = setupOutbox(t, b.db, demos.Config{}, outbox.Config{Poll: 50 * time.Millisecond, MaxBody: 300})
		b.run(t)
		in := demos.Start{
			NotifyURL: b.front.server.URL + "/watch", BaseURL: "http://granary.example",
			Documents:  []dataset.Document{{Type: dataset.TypeZip, UID: "one", Src: b.front.server.URL + "/one.zip"}},
			Parameters: map[string]json.RawMessage{"do": json.RawMessage(`"long"`)},
		}
		task, err := b.Start(t.Context(), b.app, &b.app.Endpoints[0], in)
		if err != nil {
			t.Fatalf("Start: %v", err)
		}
		status := b.await(t, task.ID, demos.Succeeded)
		output, err := b.Output(t.Context(), status.Task)
		if err != nil || !bytes.Contains(output, []byte("xxxx")) {
			t.Errorf("output has %d bytes, %v; want the whole", len(output), err)
		}
		if end := b.front.last(t, task.ID).body; end["event"] != "ERROR" || end["error"] != "the result is too long for a callback" {
			t.Errorf("last callback = %v", end)
		}
	})
}
