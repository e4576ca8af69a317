package demos_test

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"granary/internal/demos"
	"granary/internal/demos/dataset"
	"granary/internal/platform/fault"
)

func TestTaskSucceeds(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		task := b.start(t, "", "one", "two")
		if status := b.await(t, task.ID, demos.Waiting); status.Task.ExperimentID != "exp-" {
			t.Errorf("waiting task = %+v", status.Task)
		}
		b.run(t)
		status := b.await(t, task.ID, demos.Succeeded)
		output, err := b.Output(t.Context(), status.Task)
		if diff := cmp.Diff(`{"annotations":"many","documents":2,"error":[]}`, string(output)); diff != "" || err != nil {
			t.Errorf("output (-want +got), %v:\n%s", err, diff)
		}
		calls := b.front.await(t, 4)
		if diff := cmp.Diff([]string{"STARTED", "PROGRESS", "PROGRESS", "SUCCESS"}, events(calls)); diff != "" {
			t.Errorf("callbacks (-want +got):\n%s", diff)
		}
		want := map[string]any{
			"event": "SUCCESS", "tracking_id": task.ID, "experiment_id": "exp-", "success": true,
			"output": map[string]any{"annotations": "many", "documents": 2.0, "error": []any{}},
		}
		if diff := cmp.Diff(want, calls[3].body); diff != "" {
			t.Errorf("last callback (-want +got):\n%s", diff)
		}
		if calls[0].query != "token=a%2Fb" {
			t.Errorf("query = %q, want the address as it was given", calls[0].query)
		}
		if diff := cmp.Diff(map[string]any{"done": "one"}, calls[1].body["output"]); diff != "" {
			t.Errorf("output of the first part (-want +got):\n%s", diff)
		}
		content, err := b.Result(t.Context(), b.app, &b.app.Endpoints[0], "exp-~one")
		if err != nil {
			t.Fatalf("Result: %v", err)
		}
		defer content.Body.Close()
		if text, err := io.ReadAll(content.Body); string(text) != `{"images":2}` || err != nil {
			t.Errorf("result = %s, %v", text, err)
		}
		b.engine.Stop() // the folder goes after the commit
		left, err := filepath.Glob(filepath.Join(b.folder, "tmp", "views", "*-"+task.JobID+"-*"))
		if len(left) != 0 || err != nil {
			t.Errorf("private folders %q are left, %v", left, err)
		}
	})
}

func TestTaskFails(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		b.run(t)
		for do, want := range map[string]string{
			"point": "open echo/results/model.pt: no such file", "text": "there is no result: page 1 is blank",
			"fail": "the model is missing", "nothing": "there is no result: page 1 is blank", "die": "exit status 3",
		} {
			task := b.start(t, do, "one")
			status := b.await(t, task.ID, demos.Failed)
			if !strings.Contains(status.Task.Error, want) || strings.Contains(status.Task.Error, b.folder) {
				t.Errorf("%s: error = %q, want %q", do, status.Task.Error, want)
			}
		}
		task := b.start(t, "", "missing")
		if status := b.await(t, task.ID, demos.Failed); !strings.Contains(status.Task.Error, "no document could be read") {
			t.Errorf("without documents: error = %q", status.Task.Error)
		}
		end := b.front.last(t, task.ID).body
		if end["event"] != "ERROR" || end["completed"] != true || end["error"] != end["message"] || end["error"] == nil {
			t.Errorf("last callback = %v, want an ERROR with its text twice", end)
		}
	})
}

func TestTimeLimitEndsTask(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		b.app.TimeLimit = 2 * time.Second
		b = setup(t, b.db, demos.Config{}, b.app)
		b.run(t)
		task := b.start(t, "hang", "one")
		status := b.await(t, task.ID, demos.TimedOut)
		if end := b.front.last(t, task.ID).body; end["event"] != "ERROR" || !strings.Contains(status.Task.Error, "time limit of 2s") {
			t.Errorf("last callback = %v, error = %q", end, status.Task.Error)
		}
	})
}

func TestUnreadDocumentIsReported(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		b.run(t)
		task := b.start(t, "", "missing", "one")
		status := b.await(t, task.ID, demos.Succeeded)
		output, err := b.Output(t.Context(), status.Task)
		if err != nil || !strings.Contains(string(output), `"error":["document missing: `) {
			t.Errorf("output = %s, %v; want the document among the errors", output, err)
		}
	})
}

func TestCancel(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		waiting := b.start(t, "", "one")
		if err := b.Cancel(t.Context(), waiting.ID); err != nil {
			t.Fatalf("Cancel(waiting): %v", err)
		}
		if status := b.await(t, waiting.ID, demos.Cancelled); status.Task.Begun {
			t.Error("a task that was cancelled while it waited has begun")
		}
		b.run(t)
		running := b.start(t, "hang", "one")
		calls := b.front.await(t, 2)
		if calls[1].body["event"] != "PROGRESS" {
			t.Fatalf("callbacks = %v, want the task to be on its way", events(calls))
		}
		for range 2 {
			if err := b.Cancel(t.Context(), running.ID); err != nil {
				t.Fatalf("Cancel(running): %v", err)
			}
		}
		b.await(t, running.ID, demos.Cancelled)
		done := b.start(t, "", "one")
		b.await(t, done.ID, demos.Succeeded)
		b.front.await(t, 5)
		if err := b.Cancel(t.Context(), done.ID); err != nil {
			t.Fatalf("Cancel(done): %v", err)
		}
		b.await(t, done.ID, demos.Succeeded)
		if err := b.Cancel(t.Context(), "unknown"); err != nil {
			t.Errorf("Cancel(unknown) = %v, want nil", err)
		}
		for _, c := range b.front.await(t, 5) {
			if id := c.body["tracking_id"]; id == waiting.ID || id == running.ID && c.body["event"] != "STARTED" && c.body["event"] != "PROGRESS" {
				t.Errorf("callback %v after a cancel", c.body)
			}
		}
	})
}

func TestStartRefuses(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		good := dataset.Document{Type: dataset.TypeZip, Src: "http://front.example/a.zip"}
		tests := map[string]demos.Start{
			"nothing to work on":    {},
			"an unknown type":       {Documents: []dataset.Document{{Type: "tape", Src: "http://front.example"}}},
			"one uid twice":         {Documents: []dataset.Document{good, good}},
			"no address to notify":  {Documents: []dataset.Document{good}, NotifyURL: "file:///etc/passwd"},
			"crops that are none":   {Documents: []dataset.Document{good}, Crops: json.RawMessage(`{"a":1}`)},
			"an endless experiment": {Documents: []dataset.Document{good}, ExperimentID: strings.Repeat("x", 513)},
		}
		for name, in := range tests {
			if task, err := b.Start(t.Context(), b.app, &b.app.Endpoints[0], in); !fault.Is(err, fault.Invalid) {
				t.Errorf("%s: Start = %v, %v; want an invalid request", name, task, err)
			}
		}
	})
}

func TestResultStaysInside(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		outside := filepath.Join(filepath.Dir(b.folder), "secret.json")
		if err := os.WriteFile(outside, []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{"..~..~..~secret", "~etc~passwd", "..", "", "a\x00b", `..\..\secret`, "x~..~..~..~secret"} {
			content, err := b.Result(t.Context(), b.app, &b.app.Endpoints[0], id)
			if !fault.Is(err, fault.NotFound) {
				t.Errorf("Result(%q) = %+v, %v; want not found", id, content, err)
			}
		}
	})
}

func TestSafeID(t *testing.T) {
	t.Parallel()
	for in, same := range map[string]bool{
		"manual": true, "0f8fad5b-d9cb-469f-a165-70867728950e": true, "a.b_c": true,
		"..": false, ".hidden": false, "a/b": false, "": false, strings.Repeat("x", 129): false, "ü": false,
	} {
		got := demos.SafeID(in)
		if (got == in) != same || got != filepath.Base(got) || got == ".." || got == "" {
			t.Errorf("SafeID(%q) = %q, want the same: %v", in, got, same)
		}
	}
}

func TestClearAndDelete(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		b.run(t)
		task := b.start(t, "", "one", "two")
		b.await(t, task.ID, demos.Succeeded)
		endpoint := &b.app.Endpoints[0]
		cleared, err := b.Clear(t.Context(), b.app, 1)
		if diff := cmp.Diff(demos.Cleared{}, cleared); diff != "" || err != nil {
			t.Errorf("Clear of young tasks, %v (-want +got):\n%s", err, diff)
		}
		deleted, err := b.Delete(t.Context(), b.app, endpoint, "two", "", nil)
		if diff := cmp.Diff(demos.Deleted{Images: 2, Results: 1}, deleted); diff != "" || err != nil {
			t.Errorf("Delete, %v (-want +got):\n%s", err, diff)
		}
		if _, err := b.Delete(t.Context(), b.app, endpoint, "unknown", "", nil); !fault.Is(err, fault.NotFound) {
			t.Errorf("Delete(unknown) = %v, want not found", err)
		}
		one, err := b.ClearOne(t.Context(), b.app, endpoint, "exp-")
		if diff := cmp.Diff(demos.Cleared{Tasks: 1, Results: 1}, one); diff != "" || err != nil {
			t.Errorf("ClearOne, %v (-want +got):\n%s", err, diff)
		}
		if _, err := b.Task(t.Context(), task.ID); !fault.Is(err, fault.NotFound) {
			t.Errorf("Task after ClearOne = %v, want not found", err)
		}
	})
}

func TestDeadProcessLeavesNoFolder(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		views := filepath.Join(b.folder, "tmp", "views")
		for _, name := range []string{"gone.lock", "gone-job-1"} { // what a killed process leaves: an unlocked lock
			if err := os.MkdirAll(filepath.Join(views, "gone-job-1", "shared"), 0o700); err != nil {
				t.Fatal(err)
			}
			if name == "gone.lock" {
				if err := os.WriteFile(filepath.Join(views, name), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
		// And what one that ended well could not remove.
		orphan := filepath.Join(views, "gone0000-0000-7000-8000-000000000000-job-1")
		if err := os.MkdirAll(orphan, 0o700); err != nil {
			t.Fatal(err)
		}
		other, err := demos.New(demos.Deps{}, nil, demos.Config{Folder: b.folder})
		if err != nil {
			t.Fatalf("New: %v", err)
		}
		if err := other.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		left, err := filepath.Glob(filepath.Join(views, "gone*"))
		if len(left) != 0 || err != nil {
			t.Errorf("%q are left, %v", left, err)
		}
		if locks, err := filepath.Glob(filepath.Join(views, "*.lock")); len(locks) != 1 || err != nil {
			t.Errorf("locks = %q, %v; want that of the living process alone", locks, err)
		}
	})
}
