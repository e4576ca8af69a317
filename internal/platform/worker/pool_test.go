package worker_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"granary/internal/platform/worker"
)

func TestRunAnswersInBothModes(t *testing.T) {
	t.Parallel()
	for _, mode := range []worker.Mode{worker.Warm, worker.Oneshot} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			pool, _ := newPool(t, 2)
			heard := newRecorder()
			for _, tc := range []struct{ actor, kwargs, want string }{
				{"echo", `{"a":[1,2,{"b":null}]}`, `{"a":[1,2,{"b":null}]}`},
				{"echo", "", `{}`},
				{"talk", `{}`, `"done"`},
			} {
				got, err := pool.Run(t.Context(), guestSpec(mode), worker.Job{ID: "t-1", Actor: tc.actor, Kwargs: json.RawMessage(tc.kwargs)}, heard)
				if err != nil || string(got) != tc.want {
					t.Errorf("Run(%s %s) = %s, %v, want %s", tc.actor, tc.kwargs, got, err, tc.want)
				}
			}
			want := []string{
				"info: reading", `bar pages "Pages" 1/2 false`, `PROGRESS {"page":1}`, "warning: page 2 is blank", "error: page 3 is broken", `bar pages "" 0/0 true`,
			}
			if diff := cmp.Diff(want, heard.all()); diff != "" {
				t.Errorf("the sink heard (-want +got):\n%s", diff)
			}
			var failed *worker.Failed
			if _, err := pool.Run(t.Context(), guestSpec(mode), worker.Job{ID: "t-2", Actor: "fail"}, heard); !errors.As(err, &failed) || failed.Message != "no picture" {
				t.Errorf("Run(fail) = %v, want it failed for no picture", err)
			}
		})
	}
}

func TestWarmWorkersStayAndOneshotsGo(t *testing.T) {
	t.Parallel()
	pool, _ := newPool(t, 2)
	pid := func(mode worker.Mode) string {
		got, err := pool.Run(t.Context(), guestSpec(mode), worker.Job{ID: "t", Actor: "pid"}, newRecorder())
		if err != nil {
			t.Fatalf("Run(pid) = %v, want a number", err)
		}
		return string(got)
	}
	if a, b := pid(worker.Warm), pid(worker.Warm); a != b {
		t.Errorf("two warm jobs ran in processes %s and %s, want one", a, b)
	}
	if a, b := pid(worker.Oneshot), pid(worker.Oneshot); a == b {
		t.Errorf("two oneshot jobs ran in process %s, want two", a)
	}
}
