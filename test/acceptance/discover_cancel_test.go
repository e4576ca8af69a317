package acceptance

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/uuid"

	"granary/test/front"
)

// testDemoCancel cancels a task at each point of its life.
func testDemoCancel(t *testing.T, l *demoLab) {
	d := l.demo(t, 1)
	slow, asked := d.Hang("/media/datasets/slow.zip")
	running, err := d.Submit(t.Context(), "/vectorization", map[string]any{}, []any{document("zip", "slow", slow)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	<-asked // its documents are being fetched
	d.AwaitEvent(t, running.TrackingID, "STARTED")
	poll(t, d.API, "/vectorization", running.TrackingID, "compute_vectorization", func(_ json.RawMessage, state runningLog) bool {
		return state.Status == front.Progress && len(state.Progress) > 0
	})
	if err := d.CancelTask(t.Context(), running.ID); err != nil {
		t.Error(err)
	}
	log := poll(t, d.API, "/vectorization", running.TrackingID, "compute_vectorization", finished)
	if want := `{"status":"ERROR","infos":["Error: Actor raised Abort ()"]}`; string(log) != want {
		t.Errorf("log of a task that was cancelled while it ran = %s, want %s", log, want)
	}
	src := d.Archive(t, "quick", likeness(t, "a.jpg", 100, false), likeness(t, "b.jpg", 100, true))
	ended, err := d.Submit(t.Context(), "/similarity", map[string]any{}, []any{document("zip", "quick", src)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	d.Await(t, ended.ID, front.Success)
	before := d.Events(ended.TrackingID)
	// The bare route with a double slash is what one platform's button calls.
	for _, prefix := range []string{"/similarity", "/", ""} {
		for _, id := range []string{ended.TrackingID, running.TrackingID, uuid.NewString(), "no-uuid"} {
			if err := d.Cancel(t.Context(), prefix, id); err != nil {
				t.Error(err)
			}
		}
	}
	if log, err := d.Status(t.Context(), "/similarity", ended.TrackingID); err != nil || !sameJSON(t, log, d.AwaitEvent(t, ended.TrackingID, front.Success).Fields["output"]) {
		t.Errorf("log after the cancel of an ended task = %.200s, %v", log, err)
	}
	if got := d.Events(ended.TrackingID); !slices.Equal(got, before) {
		t.Errorf("callbacks of the ended task = %q, were %q", got, before)
	}
	if got := d.Events(running.TrackingID); !slices.Equal(got, []string{"STARTED"}) {
		t.Errorf("callbacks of the cancelled task = %q, want STARTED alone", got)
	}
	if state := d.Task(running.ID).State; state != front.Cancelled {
		t.Errorf("the record of the cancelled task is %s", state)
	}
}
