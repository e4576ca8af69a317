package guest_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"granary/internal/platform/worker/guest"
)

// serve gives the guest the lines of a host that then closes, and returns what
// it wrote.
func serve(t *testing.T, tasks map[string]guest.Task, lines ...string) (string, error) {
	t.Helper()
	var out strings.Builder
	err := guest.Serve(t.Context(), strings.NewReader(strings.Join(lines, "\n")), &out, "demo", tasks)
	return out.String(), err
}

func TestServeRefusesABrokenHost(t *testing.T) {
	t.Parallel()
	for name, line := range map[string]string{
		"no JSON":        `hello`,
		"unknown type":   `{"type":"dance"}`,
		"job without id": `{"type":"job","actor":"a"}`,
		"no UTF-8":       "{\"type\":\"cancel\",\"id\":\"\xff\"}",
	} {
		if out, err := serve(t, nil, line); err == nil || strings.Count(out, "\n") != 1 {
			t.Errorf("Serve(%s) = %q, %v, want ready and an error", name, out, err)
		}
	}
}

func TestServeRefusesASecondJobAtATime(t *testing.T) {
	t.Parallel()
	wait := func(ctx context.Context, _ *guest.Job) (any, error) { <-ctx.Done(); return nil, ctx.Err() }
	_, err := serve(t, map[string]guest.Task{"wait": wait}, `{"type":"job","id":"1","actor":"wait"}`, `{"type":"job","id":"2","actor":"wait"}`)
	if err == nil || !strings.Contains(err.Error(), "another one runs") {
		t.Errorf("Serve() = %v, want it to refuse a second job", err)
	}
}

func TestServeEndsItsJobWithTheHost(t *testing.T) {
	t.Parallel()
	ended := false
	wait := func(ctx context.Context, _ *guest.Job) (any, error) {
		<-ctx.Done()
		ended = true
		return nil, ctx.Err()
	}
	if _, err := serve(t, map[string]guest.Task{"wait": wait}, `{"type":"job","id":"1","actor":"wait"}`); err != nil || !ended {
		t.Errorf("Serve() = %v with the job ended %v, want nil and true", err, ended)
	}
}

func TestServeTellsOfAHostThatDoesNotListen(t *testing.T) {
	t.Parallel()
	hostIn, guestOut := io.Pipe()
	hostIn.Close()
	guestIn, hostOut := io.Pipe()
	defer hostOut.Close()
	go func() { _, _ = io.WriteString(hostOut, `{"type":"job","id":"1","actor":"nothing"}`+"\n") }()
	if err := guest.Serve(t.Context(), guestIn, guestOut, "demo", nil); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("Serve() = %v, want io.ErrClosedPipe", err)
	}
}

func TestJobsFailWellOnBadTasks(t *testing.T) {
	t.Parallel()
	tasks := map[string]guest.Task{
		"panic":  func(context.Context, *guest.Job) (any, error) { panic("index out of range") },
		"encode": func(context.Context, *guest.Job) (any, error) { return make(chan int), nil },
		"args":   func(_ context.Context, j *guest.Job) (any, error) { return nil, j.Decode(&struct{ Known int }{}) },
		"event":  func(_ context.Context, j *guest.Job) (any, error) { return nil, j.Event("PROGRESS", func() {}) },
	}
	for actor, want := range map[string]string{
		"panic": "index out of range", "encode": "encode result", "args": "unknown", "event": "encode event PROGRESS",
	} {
		hostIn, guestOut := io.Pipe()
		guestIn, hostOut := io.Pipe()
		go func() {
			_, _ = io.WriteString(hostOut, `{"type":"job","id":"1","actor":"`+actor+`","kwargs":{"unknown":1}}`+"\n")
		}()
		ended := make(chan error, 1)
		go func() { ended <- guest.Serve(t.Context(), guestIn, guestOut, "demo", tasks) }()
		out := make([]byte, 0, 8192)
		for strings.Count(string(out), "\n") < 2 {
			block := make([]byte, 4096)
			n, err := hostIn.Read(block)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, block[:n]...)
		}
		if !strings.Contains(string(out), `"failed"`) || !strings.Contains(string(out), want) {
			t.Errorf("job %s says %s, want it failed with %q", actor, out, want)
		}
		hostOut.Close()
		if err := <-ended; err != nil {
			t.Errorf("Serve() = %v, want nil", err)
		}
	}
}

func TestJobsAreSilentAfterTheirEnd(t *testing.T) {
	t.Parallel()
	var kept *guest.Job
	tasks := map[string]guest.Task{
		"keep": func(_ context.Context, j *guest.Job) (any, error) { kept = j; return nil, nil },
		"late": func(context.Context, *guest.Job) (any, error) { kept.Info("late"); return nil, nil },
	}
	hostIn, guestOut := io.Pipe()
	guestIn, hostOut := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- guest.Serve(t.Context(), guestIn, guestOut, "demo", tasks); guestOut.Close() }()
	var out strings.Builder
	read := func(lines int) {
		for block := make([]byte, 1); lines > 0; {
			if _, err := hostIn.Read(block); err != nil {
				t.Fatal(err)
			}
			if out.Write(block); block[0] == '\n' {
				lines--
			}
		}
	}
	read(1)
	for _, order := range []string{`{"type":"job","id":"1","actor":"keep"}`, `{"type":"job","id":"2","actor":"late"}`} {
		if _, err := io.WriteString(hostOut, order+"\n"); err != nil {
			t.Fatal(err)
		}
		read(1)
	}
	hostOut.Close()
	if err := <-ended; err != nil || strings.Contains(out.String(), "late\"") && strings.Contains(out.String(), `"info"`) {
		t.Errorf("Serve() = %v and wrote %s, want nothing said late", err, out.String())
	}
}
