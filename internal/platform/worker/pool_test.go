package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"granary/internal/platform/fault"
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

// run does a job and returns its value as text.
func run(t *testing.T, pool *worker.Pool, spec worker.Spec, job worker.Job) string {
	t.Helper()
	job.ID = "t"
	got, err := pool.Run(t.Context(), spec, job, newRecorder())
	if err != nil {
		t.Fatalf("Run(%s) = %v, want a value", job.Actor, err)
	}
	return string(got)
}

func TestPoolIsBounded(t *testing.T) {
	t.Parallel()
	pool, _ := newPool(t, 2)
	var waiting [2]*recorder
	ended := make(chan error, 3)
	ctx, cancel := context.WithCancel(t.Context())
	for i := range waiting {
		waiting[i] = newRecorder()
		go func() {
			_, err := pool.Run(ctx, guestSpec(""), worker.Job{ID: "t", Actor: "wait"}, waiting[i])
			ended <- err
		}()
	}
	<-waiting[0].lines
	<-waiting[1].lines
	// Both places are taken. Who gives up waiting leaves no trace.
	short, giveUp := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer giveUp()
	if _, err := pool.Run(short, guestSpec(worker.Oneshot), worker.Job{ID: "t", Actor: "pid"}, newRecorder()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Run() with every place taken = %v, want it to wait until its context ends", err)
	}
	third := newRecorder()
	go func() {
		_, err := pool.Run(t.Context(), guestSpec(worker.Oneshot), worker.Job{ID: "t", Actor: "talk"}, third)
		ended <- err
	}()
	select {
	case <-third.lines:
		t.Error("a third job runs in a pool of two places")
	case <-time.After(50 * time.Millisecond):
	}
	cancel()
	for range 3 {
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("Run() = %v, want the third to run once there is a place", err)
		}
	}
	if len(third.all()) == 0 {
		t.Error("the third job said nothing, want it run")
	}
}

func TestWaitingJobsGetTheWorkerThatBecomesIdle(t *testing.T) {
	t.Parallel()
	pool, _ := newPool(t, 1)
	pid := run(t, pool, guestSpec(""), worker.Job{Actor: "pid"})
	ctx, cancel := context.WithCancel(t.Context())
	heard, ended := newRecorder(), make(chan error, 1)
	go func() {
		_, err := pool.Run(ctx, guestSpec(""), worker.Job{ID: "t", Actor: "wait"}, heard)
		ended <- err
	}()
	<-heard.lines
	next := make(chan string, 3)
	for range cap(next) {
		go func() {
			got, err := pool.Run(t.Context(), guestSpec(""), worker.Job{ID: "t", Actor: "pid"}, newRecorder())
			next <- string(got) + fmt.Sprint(err)
		}()
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Run(wait) = %v, want context.Canceled", err)
	}
	for range cap(next) {
		if got := <-next; got != pid+"<nil>" {
			t.Errorf("Run(pid) = %s, want still %s", got, pid)
		}
	}
}

func TestIdleWorkersMakeRoom(t *testing.T) {
	t.Parallel()
	named := func(name string) worker.Spec { s := guestSpec(""); s.Name = name; return s }
	t.Run("the oldest when the pool is full", func(t *testing.T) {
		t.Parallel()
		pool, _ := newPool(t, 2)
		a := run(t, pool, named("a"), worker.Job{Actor: "pid"})
		b := run(t, pool, named("b"), worker.Job{Actor: "pid"})
		run(t, pool, named("c"), worker.Job{Actor: "pid"})
		if alive(a) || !alive(b) {
			t.Errorf("alive: a %v, b %v, want only b beside c", alive(a), alive(b))
		}
	})
	t.Run("every other on the same device", func(t *testing.T) {
		t.Parallel()
		pool, _ := newPool(t, 8)
		a := run(t, pool, named("a"), worker.Job{Actor: "pid", Device: "0"})
		other := run(t, pool, named("a"), worker.Job{Actor: "pid", Device: "1"})
		none := run(t, pool, named("a"), worker.Job{Actor: "pid"})
		run(t, pool, named("b"), worker.Job{Actor: "pid", Device: "0"})
		if alive(a) || !alive(other) || !alive(none) {
			t.Errorf("alive: device 0 %v, device 1 %v, none %v, want all but the first", alive(a), alive(other), alive(none))
		}
		if again := run(t, pool, named("a"), worker.Job{Actor: "pid", Device: "1"}); again != other {
			t.Errorf("device 1 is served by %s, want still %s", again, other)
		}
	})
	t.Run("when they are not needed any more", func(t *testing.T) {
		t.Parallel()
		pool, _ := newPool(t, 8)
		a := run(t, pool, named("a"), worker.Job{Actor: "pid", Device: "0"})
		b := run(t, pool, named("b"), worker.Job{Actor: "pid"})
		pool.Unload(named("a"), "0")
		pool.Unload(worker.Spec{}, "")
		if alive(a) || !alive(b) {
			t.Errorf("alive: a %v, b %v, want only b", alive(a), alive(b))
		}
	})
	t.Run("after their time", func(t *testing.T) {
		t.Parallel()
		pool, _ := newPool(t, 2)
		spec := guestSpec("")
		spec.IdleTimeout = 20 * time.Millisecond
		pid := run(t, pool, spec, worker.Job{Actor: "pid"})
		until(t, "the idle worker ends", func() bool { return !alive(pid) })
	})
}

func TestWorkersThatEndAreReplaced(t *testing.T) {
	t.Parallel()
	pool, _ := newPool(t, 1)
	before := run(t, pool, guestSpec(""), worker.Job{Actor: "pid"})
	if _, err := pool.Run(t.Context(), guestSpec(""), worker.Job{ID: "t", Actor: "exit"}, newRecorder()); !errors.As(err, new(*worker.Died)) {
		t.Fatalf("Run(exit) = %v, want it dead", err)
	}
	after := run(t, pool, guestSpec(""), worker.Job{Actor: "pid"})
	if before == after {
		t.Errorf("process %s serves again, want a new one", after)
	}
	pid, err := strconv.Atoi(after)
	if err != nil || syscall.Kill(pid, syscall.SIGKILL) != nil {
		t.Fatalf("kill idle worker %s: %v", after, err)
	}
	until(t, "the idle worker ends", func() bool { return !alive(after) })
	if last := run(t, pool, guestSpec(""), worker.Job{Actor: "pid"}); last == after {
		t.Errorf("process %s serves again, want a new one", last)
	}
}

func TestCloseEndsJobs(t *testing.T) {
	t.Parallel()
	pool, err := worker.New(worker.Config{Temp: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatalf("New() = %v, want a pool", err)
	}
	heard, ended := newRecorder(), make(chan error, 1)
	go func() {
		_, err := pool.Run(t.Context(), guestSpec(""), worker.Job{ID: "t", Actor: "wait"}, heard)
		ended <- err
	}()
	<-heard.lines
	if err := pool.Close(); err != nil {
		t.Errorf("Close() = %v, want nil", err)
	}
	if err := <-ended; !fault.Is(err, fault.Unavailable) {
		t.Errorf("Run() = %v, want unavailable", err)
	}
	if _, err := pool.Run(t.Context(), guestSpec(""), worker.Job{ID: "t", Actor: "pid"}, heard); !fault.Is(err, fault.Unavailable) {
		t.Errorf("Run() of a closed pool = %v, want unavailable", err)
	}
	if err := pool.Close(); err != nil {
		t.Errorf("second Close() = %v, want nil", err)
	}
}

// TestNewLeavesLivingPoolsAlone opens two pools in one folder.
func TestNewLeavesLivingPoolsAlone(t *testing.T) {
	t.Parallel()
	pool, temp := newPool(t, 1)
	pid := run(t, pool, guestSpec(""), worker.Job{Actor: "pid"})
	other, err := worker.New(worker.Config{Temp: temp, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatalf("New() = %v, want a second pool", err)
	}
	if err := other.Close(); err != nil {
		t.Errorf("Close() = %v, want nil", err)
	}
	if got := run(t, pool, guestSpec(""), worker.Job{Actor: "pid"}); got != pid {
		t.Errorf("the first pool's worker is %s, want still %s", got, pid)
	}
}
