package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"granary/internal/platform/worker"
	"granary/internal/platform/worker/guest"
)

// roleVariable makes the test binary a worker, or a server with a worker.
const roleVariable = "WORKER_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case "guest":
		if err := guest.Serve(context.Background(), os.Stdin, os.Stdout, "test", tasks()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	case "transcript":
		if err := playWorker(os.Getenv("WORKER_TEST_TRANSCRIPT"), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(9)
		}
	case "host":
		host()
	case "first":
		first()
	default:
		goleak.VerifyTestMain(m)
	}
}

// tasks are what the test worker can do.
func tasks() map[string]guest.Task {
	return map[string]guest.Task{
		"echo": func(_ context.Context, job *guest.Job) (any, error) { return job.Kwargs, nil },
		"pid":  func(context.Context, *guest.Job) (any, error) { return os.Getpid(), nil },
		"talk": func(_ context.Context, job *guest.Job) (any, error) {
			job.Info("reading")
			job.Progress("pages", "Pages", 1, 2)
			if err := job.Event("PROGRESS", map[string]int{"page": 1}); err != nil {
				return nil, err
			}
			job.Warn("page 2 is blank")
			job.Error("page 3 is broken")
			job.Done("pages")
			return "done", nil
		},
		"fail": func(context.Context, *guest.Job) (any, error) { return nil, errors.New("no picture") },
		"environ": func(context.Context, *guest.Job) (any, error) {
			folder, err := os.Getwd()
			return map[string]any{"environ": os.Environ(), "folder": folder}, err
		},
		"tmp": func(_ context.Context, job *guest.Job) (any, error) {
			return job.Paths.Tmp, os.WriteFile(filepath.Join(job.Paths.Tmp, "left"), nil, 0o600)
		},
		"list": func(_ context.Context, job *guest.Job) (any, error) {
			var names []string
			entries, err := os.ReadDir(job.Paths.Tmp)
			for _, e := range entries {
				names = append(names, e.Name())
			}
			return names, err
		},
		// wait does what it is told, when it is told to stop.
		"wait": func(ctx context.Context, job *guest.Job) (any, error) {
			job.Info("waiting")
			<-ctx.Done()
			return nil, ctx.Err()
		},
		// deaf neither listens to messages nor to TERM; it has a child that does
		// neither, and one that has left the group.
		"deaf": func(_ context.Context, job *guest.Job) (any, error) {
			signal.Ignore(syscall.SIGTERM)
			child := exec.Command("sleep", "600")
			away := exec.Command("sleep", "600")
			away.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
			for _, c := range []*exec.Cmd{child, away} {
				c.Stdout, c.Stderr = os.Stdout, os.Stderr // they hold our output open
				if err := c.Start(); err != nil {
					return nil, err
				}
			}
			job.Info(fmt.Sprintf("%d %d %d", os.Getpid(), child.Process.Pid, away.Process.Pid))
			select {}
		},
		"exit": func(context.Context, *guest.Job) (any, error) {
			fmt.Fprintln(os.Stderr, "model is broken")
			os.Exit(3)
			return nil, nil
		},
		"panic": func(context.Context, *guest.Job) (any, error) { panic("broken picture") },
		"eat": func(context.Context, *guest.Job) (any, error) {
			var eaten [][]byte
			for {
				block := make([]byte, 16<<20)
				for i := 0; i < len(block); i += 4096 {
					block[i] = 1
				}
				eaten = append(eaten, block)
				if len(eaten) > 256 {
					return len(eaten), nil
				}
			}
		},
		"chatter": func(_ context.Context, job *guest.Job) (any, error) {
			var args struct{ Lines, Bytes int }
			if err := job.Decode(&args); err != nil {
				return nil, err
			}
			text := strings.Repeat("x", args.Bytes)
			for range args.Lines {
				job.Info(text)
			}
			return nil, nil
		},
	}
}

// host runs a pool in a process of its own, to be killed.
func host() {
	pool, err := worker.New(worker.Config{Temp: os.Getenv("WORKER_TEST_TEMP"), Log: slog.New(slog.DiscardHandler)})
	if err == nil {
		_, err = pool.Run(context.Background(), guestSpec(worker.Warm), worker.Job{ID: "1", Actor: os.Getenv("WORKER_TEST_ACTOR")}, printer{})
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// first runs a pool where orphans become its children, as in a container, and
// lists the children that are left in the end.
func first() {
	err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
	var pool *worker.Pool
	if err == nil {
		pool, err = worker.New(worker.Config{Temp: os.Getenv("WORKER_TEST_TEMP"), Log: slog.New(slog.DiscardHandler)})
	}
	if err == nil {
		// Three orphans: one of the group, one that left it, and a child of that.
		spec := shell(worker.Plain, `(sleep 600 &); (setsid sh -c 'sleep 600 & sleep 600' &); echo 1`)
		_, err = pool.Run(context.Background(), spec, worker.Job{ID: "1"}, printer{})
		err = errors.Join(err, pool.Close())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_, err = unix.Wait4(-1, nil, unix.WNOHANG, nil)
	fmt.Println(err)
}

// printer is a sink that writes to standard output.
type printer struct{}

func (printer) Line(_ worker.Level, text string)                     { fmt.Println(text) }
func (printer) Bar(worker.Bar)                                       {}
func (printer) Event(context.Context, string, json.RawMessage) error { return nil }

// guestSpec is the test binary as a worker.
func guestSpec(mode worker.Mode) worker.Spec {
	return worker.Spec{Name: "test", Argv: []string{os.Args[0]}, Env: []string{roleVariable + "=guest"}, Mode: mode, Grace: 4 * time.Second}
}

// shell is a worker written in a line of shell.
func shell(mode worker.Mode, script string) worker.Spec {
	return worker.Spec{Name: "test", Argv: []string{"sh", "-c", script}, Mode: mode, Grace: 4 * time.Second}
}

// newPool returns a pool that is closed with the test, and its folder, which
// must be empty then.
func newPool(t testing.TB, workers int) (*worker.Pool, string) {
	t.Helper()
	temp := t.TempDir()
	pool, err := worker.New(worker.Config{Temp: temp, Workers: workers, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatalf("New() = %v, want a pool", err)
	}
	t.Cleanup(func() {
		if err := pool.Close(); err != nil {
			t.Errorf("Close() = %v, want nil", err)
		}
		left, err := os.ReadDir(temp)
		if err != nil || len(left) > 0 {
			t.Errorf("folder after Close() holds %v (%v), want nothing", left, err)
		}
	})
	return pool, temp
}

// recorder is a sink that remembers, and tells of each line.
type recorder struct {
	mu     sync.Mutex
	said   []string
	lines  chan string
	refuse error // what Event answers
}

func newRecorder() *recorder { return &recorder{lines: make(chan string, 1000)} }

func (r *recorder) add(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said = append(r.said, text)
}

func (r *recorder) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.said...)
}

func (r *recorder) Line(level worker.Level, text string) {
	r.add(string(level) + ": " + text)
	select {
	case r.lines <- text:
	default:
	}
}

func (r *recorder) Bar(b worker.Bar) {
	r.add(fmt.Sprintf("bar %s %q %d/%d %v", b.Key, b.Context, b.Current, b.Total, b.End))
}

func (r *recorder) Event(_ context.Context, name string, data json.RawMessage) error {
	r.add(name + " " + string(data))
	return r.refuse
}
