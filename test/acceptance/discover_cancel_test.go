package acceptance

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/uuid"

	"granary/test/front"
	"granary/test/harness"
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

// stone is a worker that takes a job and then listens to nobody, as a long
// native call does; a process of its own stays with it.
const stone = `#!/bin/sh
trap "" TERM INT HUP
echo '{"type":"ready","protocol":1,"name":"stone","actors":["stone"]}'
read -r job
sleep 600 &
echo "$$ $!" >> "$0.ids"
while :; do sleep 1; done
`

const stoneManifest = `
name: stone
prefixes: [/stone]
worker: {command: [./stone.sh], grace: 1s}
endpoints:
  - {actor: stone, documents: optional, parameters: {do: {type: string, default: "", desc: Nothing.}}}
`

// TestStubbornWorkerIsCancelled cancels a task whose worker ignores everything:
// the front sees the end at once, the processes go, and their place is free.
func TestStubbornWorkerIsCancelled(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, store harness.Store) {
		t.Helper()
		app := filepath.Join(store.Folder, "apps", "stone")
		if err := os.MkdirAll(app, 0o700); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{"stone.sh": stone, "app.yaml": stoneManifest} {
			if err := os.WriteFile(filepath.Join(app, name), []byte(text), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		l := newDemoLab(t, store, "demos.apps=stone", "demos.apps_folder="+filepath.Dir(app))
		start := func() string {
			started, err := l.api.Start(t.Context(), "/stone/start", map[string]any{"do": "x"})
			if err != nil {
				t.Fatal(err)
			}
			return started.TrackingID
		}
		first, second, third := start(), start(), start()
		begun := func(n int) (ids []int) {
			harness.Eventually(t, "a worker has its job", func() bool {
				data, err := os.ReadFile(filepath.Join(app, "stone.sh.ids"))
				ids = nil
				for _, field := range strings.Fields(string(data)) {
					if id, err := strconv.Atoi(field); err == nil {
						ids = append(ids, id)
					}
				}
				return err == nil && len(ids) == 2*n
			})
			return ids
		}
		ids := begun(1)
		for id, want := range map[string]string{third: `null`, first: `{"status":"ERROR","infos":["Error: Actor raised Abort ()"]}`} {
			if err := l.api.Cancel(t.Context(), "/stone", id); err != nil {
				t.Error(err)
			}
			if log, err := l.api.Status(t.Context(), "/stone", id); err != nil || string(log) != want {
				t.Errorf("log after the cancel = %s, %v; want %s at once", log, err, want)
			}
		}
		ids = append(ids, begun(2)...) // the next task has the place
		if err := l.api.Cancel(t.Context(), "", second); err != nil {
			t.Error(err)
		}
		harness.Eventually(t, "the workers and what they started are gone", func() bool {
			return !slices.ContainsFunc(ids, func(id int) bool { return syscall.Kill(id, 0) == nil })
		})
		if log, err := l.api.Status(t.Context(), "/stone", third); err != nil || string(log) != "null" {
			t.Errorf("log of the task that never ran = %s, %v", log, err)
		}
	})
}
