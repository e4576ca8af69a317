package demos_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"granary/internal/demos"
	"granary/internal/demos/dataset"
)

// Whatever becomes of tasks, no bytes are left behind and none are missed.
func TestCheckFindsNothingAfterEveryEnd(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		in := demos.Start{
			BaseURL:    "http://granary.example",
			Documents:  []dataset.Document{{Type: dataset.TypeZip, UID: "one", Src: b.front.server.URL + "/one.zip"}},
			Crops:      json.RawMessage(`[{"doc_uid":"one","source":"a.jpg","crops":[]}]`),
			Parameters: map[string]json.RawMessage{"do": json.RawMessage(`"endless"`)},
		}
		long, err := b.Start(t.Context(), b.app, &b.app.Endpoints[0], in)
		if err != nil {
			t.Fatalf("Start: %v", err)
		}
		cancelled := b.start(t, "", "two")
		if err := b.Cancel(t.Context(), cancelled.ID); err != nil {
			t.Fatalf("Cancel: %v", err)
		}
		b.run(t)
		again, failed := b.start(t, "", "one"), b.start(t, "fail", "one", "two")
		status := b.await(t, long.ID, demos.Succeeded)
		if status.Task.OutputKey == "" {
			t.Error("a long output is kept in its row")
		}
		output, err := b.Output(t.Context(), status.Task)
		if err != nil || !bytes.Contains(output, []byte("xxxx")) {
			t.Errorf("output has %d bytes, %v", len(output), err)
		}
		b.await(t, again.ID, demos.Succeeded)
		b.await(t, failed.ID, demos.Failed)
		b.unbroken(t, "tasks have ended")
		for _, task := range []*demos.Task{long, again, failed, cancelled} {
			if _, err := b.ClearOne(t.Context(), b.app, &b.app.Endpoints[0], task.ID); err != nil {
				t.Fatalf("ClearOne: %v", err)
			}
			b.unbroken(t, "a task was cleared")
		}
	})
}

func TestCheckFindsWhatIsBroken(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		task := b.start(t, "", "one")
		b.exec(t, "UPDATE demos_tasks SET output_key = 'demos/tasks/x', state = 'failed' WHERE id = ?", task.ID)
		b.exec(t, `INSERT INTO demos_files (path, task_id, app, blob_key, sha256, size_bytes, media_type, created_at)
 VALUES ('a', 'b', 'echo', 'demos/files/x', '', 0, '', CURRENT_TIMESTAMP)`)
		broken, err := b.Check(t.Context())
		if err != nil || len(broken) != 3 {
			t.Errorf("Check = %+v, %v; want three findings", broken, err)
		}
	})
}

func (b *bundle) unbroken(t *testing.T, after string) {
	t.Helper()
	if broken, err := b.Check(t.Context()); err != nil || len(broken) != 0 {
		t.Errorf("Check after %s = %+v, %v; want nothing", after, broken, err)
	}
}
