package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"granary/internal/platform/fault"
	"granary/internal/platform/worker"
)

const ready = `echo '{"type":"ready","protocol":1,"name":"sh"}'; read job; `

// TestOutcomes is the table of docs/worker-protocol.md: what a worker may do
// wrong, and what its job ends with.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	limited := func(spec worker.Spec, set func(*worker.Spec)) worker.Spec { set(&spec); return spec }
	chatter := json.RawMessage(`{"Lines":200,"Bytes":1000}`)
	for _, tc := range []struct {
		name string
		spec worker.Spec
		job  worker.Job
		want error
		text string // in the error's text
	}{
		{"no such program", worker.Spec{Name: "test", Argv: []string{"/no/such/program"}}, worker.Job{}, worker.ErrStart, "no such file"},
		{"other version", shell("", `echo '{"type":"ready","protocol":2}'`), worker.Job{}, worker.ErrProtocol, "version 2, want 1"},
		{"never ready", limited(shell("", `sleep 600`), func(s *worker.Spec) { s.StartTimeout = 100 * time.Millisecond }), worker.Job{}, worker.ErrHung, "not ready within 100ms"},
		{"result before ready", shell("", `echo '{"type":"result","id":"t"}'; read x`), worker.Job{}, worker.ErrProtocol, "before it is ready"},
		{"ready twice", shell("", ready+`echo '{"type":"ready","protocol":1}'; read x`), worker.Job{}, worker.ErrProtocol, "in the middle of a job"},
		{"unknown actor", guestSpec(""), worker.Job{Actor: "nobody"}, worker.ErrProtocol, `no actor "nobody"`},
		{"noise", shell("", ready+`echo loading model; read x`), worker.Job{}, worker.ErrProtocol, `"loading model"`},
		{"unknown type", shell("", ready+`echo '{"type":"dance","id":"t"}'; read x`), worker.Job{}, worker.ErrProtocol, "dance"},
		{"no UTF-8", shell("", ready+`printf '{"type":"info","id":"t","text":"\377"}\n'; read x`), worker.Job{}, worker.ErrProtocol, "UTF-8"},
		{"result of another job", shell("", ready+`echo '{"type":"result","id":"u"}'; read x`), worker.Job{}, worker.ErrProtocol, "another job"},
		{"result of no job", shell("", ready+`echo '{"type":"result"}'; read x`), worker.Job{}, worker.ErrProtocol, "without the job's id"},
		{"long line", limited(guestSpec(""), func(s *worker.Spec) { s.MaxLine = 500 }), worker.Job{Actor: "chatter", Kwargs: chatter}, worker.ErrTooMuch, "500 bytes"},
		{"endless output", limited(shell("", ready+`while :; do echo '{"type":"progress","id":"t","key":"k"}'; done`), func(s *worker.Spec) { s.MaxOutput = 1 << 16 }), worker.Job{}, worker.ErrTooMuch, "65536 bytes"},
		{"endless line", limited(shell("", ready+`exec cat /dev/zero`), func(s *worker.Spec) { s.MaxLine = 1 << 16 }), worker.Job{}, worker.ErrTooMuch, "65536 bytes"},
		{"silence", limited(guestSpec(""), func(s *worker.Spec) { s.Silence = 100 * time.Millisecond }), worker.Job{Actor: "wait"}, worker.ErrHung, "said nothing for 100ms"},
		{"time limit", shell("", ready+`while :; do echo '{"type":"progress","id":"t","key":"k"}'; sleep 0.01; done`), worker.Job{Limit: 100 * time.Millisecond}, worker.ErrHung, "did not end the job within 100ms"},
		{"negative limit", guestSpec(""), worker.Job{Limit: -1}, &fault.Error{}, "negative"},
		{"memory of all processes", limited(shell("", ready+`for i in 1 2 3 4; do (head -c 80000000 /dev/zero | tail -n 1 | sleep 600) & done; wait`), func(s *worker.Spec) { s.Memory = 256 << 20 }), worker.Job{}, &worker.Died{}, "more memory than it may"},
		{"memory of one process", limited(guestSpec(""), func(s *worker.Spec) { s.Memory = 256 << 20 }), worker.Job{Actor: "eat"}, &worker.Died{}, ""},
		{"exit", guestSpec(""), worker.Job{Actor: "exit"}, &worker.Died{}, "exit status 3"},
		{"exit before ready", shell("", `exit 7`), worker.Job{}, &worker.Died{}, "exit status 7"},
		{"exit without a result", shell("", ready), worker.Job{}, &worker.Died{}, "exit status 0"},
		{"crash", shell("", ready+`ulimit -c 0; kill -ABRT $$`), worker.Job{}, &worker.Died{}, "crashed: aborted"},
		{"killed from outside", shell("", ready+`kill -KILL $$`), worker.Job{}, &worker.Died{}, "want of memory"},
		{"panic", guestSpec(""), worker.Job{Actor: "panic"}, &worker.Failed{}, "broken picture"},
		{"no command line", worker.Spec{}, worker.Job{}, &fault.Error{}, "no command line"},
		{"unknown mode", shell("cold", ""), worker.Job{}, &fault.Error{}, "cold"},
		{"no JSON in arguments", guestSpec(""), worker.Job{Actor: "echo", Kwargs: json.RawMessage(`{`)}, &fault.Error{}, "no JSON"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			pool, temp := newPool(t, 1)
			tc.job.ID = "t"
			_, err := pool.Run(t.Context(), tc.spec, tc.job, newRecorder())
			if !sameKind(err, tc.want) || !strings.Contains(err.Error(), tc.text) {
				t.Fatalf("Run() = %v, want %T with %q", err, tc.want, tc.text)
			}
			if strings.Contains(err.Error(), temp) || strings.Contains(err.Error(), "/no/such") {
				t.Errorf("Run() = %v, want no path in it", err)
			}
			// One place: it must be free again, for a worker that is well.
			got, err := pool.Run(t.Context(), guestSpec(worker.Oneshot), worker.Job{ID: "t", Actor: "echo"}, newRecorder())
			if err != nil || string(got) != "{}" {
				t.Errorf("Run() of the next job = %s, %v, want {}", got, err)
			}
		})
	}
}

// sameKind compares errors by type where want is one of ours.
func sameKind(err, want error) bool {
	switch {
	case errors.As(want, new(*worker.Died)):
		return errors.As(err, new(*worker.Died))
	case errors.As(want, new(*worker.Failed)):
		return errors.As(err, new(*worker.Failed))
	case errors.As(want, new(*fault.Error)):
		return fault.Is(err, fault.Invalid)
	}
	return errors.Is(err, want)
}

func TestDeathTellsWhatTheWorkerWroteLast(t *testing.T) {
	t.Parallel()
	pool, _ := newPool(t, 1)
	var died *worker.Died
	_, err := pool.Run(t.Context(), guestSpec(""), worker.Job{ID: "t", Actor: "exit"}, newRecorder())
	if !errors.As(err, &died) || died.Code != 3 || died.Stderr != "model is broken\n" {
		t.Errorf("Run() = %+v, want status 3 and its last words", died)
	}
	endless := shell("", `head -c 300000 /dev/zero | tr '\0' x >&2; echo end >&2; exit 1`)
	_, err = pool.Run(t.Context(), endless, worker.Job{ID: "t"}, newRecorder())
	if !errors.As(err, &died) || len(died.Stderr) != 64<<10 || !strings.HasSuffix(died.Stderr, "xend\n") {
		t.Errorf("Run() kept %d bytes of standard error, want the last 64 KiB", len(died.Stderr))
	}
}

func TestNoiseBecomesLinesWhereItIsExpected(t *testing.T) {
	t.Parallel()
	pool, _ := newPool(t, 1)
	spec := shell("", `echo importing; `+ready+`echo; echo '{"loss": 0.5}'; echo '{"type":"info","id":"t","text":"a"}'; echo '{"type":"info","id":"old","text":"late"}'; echo '{"type":"result","id":"t","value":1}'; read x`)
	spec.Noise = true
	heard := newRecorder()
	got, err := pool.Run(t.Context(), spec, worker.Job{ID: "t"}, heard)
	if want := `info: importing|info: {"loss": 0.5}|info: a`; err != nil || string(got) != "1" || strings.Join(heard.all(), "|") != want {
		t.Errorf("Run() = %s, %v with lines %q, want 1 with %q", got, err, heard.all(), want)
	}
}

func TestLinesAreBounded(t *testing.T) {
	t.Parallel()
	pool, _ := newPool(t, 1)
	spec := guestSpec("")
	spec.MaxLog = 5500
	heard := newRecorder()
	_, err := pool.Run(t.Context(), spec, worker.Job{ID: "t", Actor: "chatter", Kwargs: json.RawMessage(`{"Lines":100,"Bytes":1000}`)}, heard)
	said := heard.all()
	if err != nil || len(said) != 6 || !strings.HasPrefix(said[5], "warning: ") || !strings.Contains(said[5], "dropped") {
		t.Errorf("Run() = %v with %d lines, want 5 and a warning", err, len(said))
	}
	heard = newRecorder()
	_, err = pool.Run(t.Context(), guestSpec(""), worker.Job{ID: "t", Actor: "chatter", Kwargs: json.RawMessage(`{"Lines":1,"Bytes":100000}`)}, heard)
	if said := heard.all(); err != nil || len(said) != 1 || len(said[0]) > 17<<10 || !strings.HasSuffix(said[0], "…") {
		t.Errorf("Run() = %v, want one line that is cut", err)
	}
}

func TestTemporaryFolderIsPrivateAndGoes(t *testing.T) {
	t.Parallel()
	pool, temp := newPool(t, 2)
	var tmp string
	for range 2 {
		raw, err := pool.Run(t.Context(), guestSpec(""), worker.Job{ID: "t", Actor: "tmp"}, newRecorder())
		var next string
		if err != nil || json.Unmarshal(raw, &next) != nil {
			t.Fatalf("Run(tmp) = %s, %v, want a folder", raw, err)
		}
		if next == tmp || !strings.HasPrefix(next, temp+"/") {
			t.Errorf("folder of the job = %s after %s, want a new one below %s", next, tmp, temp)
		}
		if _, err := os.Stat(next); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("folder of a job that ended: %v, want none", err)
		}
		tmp = next
	}
	if _, err := pool.Run(t.Context(), guestSpec(""), worker.Job{ID: "t", Actor: "exit"}, newRecorder()); err == nil {
		t.Error("Run(exit) = nil, want it dead")
	}
	spec := shell(worker.Plain, `mkdir -p "$TMPDIR/a/b"; chmod 500 "$TMPDIR/a"; kill -KILL $$`)
	if _, err := pool.Run(t.Context(), spec, worker.Job{ID: "t"}, newRecorder()); !errors.As(err, new(*worker.Died)) {
		t.Errorf("Run() = %v, want it dead", err)
	}
	left, err := filepath.Glob(filepath.Join(temp, "*-*-*-*-*-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("folders of workers that died: %v, %v, want none", left, err)
	}
}

// TestEnvironment is alone with the environment, so not parallel.
func TestEnvironment(t *testing.T) {
	t.Setenv("GRANARY_SECRETS_KEY", "canary-4711")
	t.Setenv("DATABASE_PASSWORD", "canary-4712")
	t.Setenv("HF_HOME", "/models")
	t.Setenv("TZ", "America/Toronto")
	pool, temp := newPool(t, 2)
	for device, want := range map[string]string{"": "CUDA_VISIBLE_DEVICES=", "2": "CUDA_VISIBLE_DEVICES=2"} {
		spec := guestSpec("")
		spec.Inherit = []string{"HF_HOME", "GRANARY_SECRETS_KEY", "UNSET"}
		raw, err := pool.Run(t.Context(), spec, worker.Job{ID: "t", Actor: "environ", Device: device}, newRecorder())
		var got struct {
			Environ []string
			Folder  string
		}
		if err != nil || json.Unmarshal(raw, &got) != nil {
			t.Fatalf("Run(environ) = %s, %v, want variables", raw, err)
		}
		if !strings.HasPrefix(got.Folder, temp) {
			t.Errorf("working folder = %s, want the private one", got.Folder)
		}
		all := strings.Join(got.Environ, "\n") + "\n"
		for _, pair := range []string{want, "HF_HOME=/models", "TZ=America/Toronto", "TMPDIR=" + got.Folder, roleVariable + "=guest"} {
			if !strings.Contains(all, pair+"\n") {
				t.Errorf("environment lacks %s:\n%s", pair, all)
			}
		}
		if strings.Contains(all, "canary") {
			t.Errorf("environment holds a secret:\n%s", all)
		}
	}
}

func TestFillPutsFilesBeforeTheJob(t *testing.T) {
	t.Parallel()
	fill := func(tmp string) error { return os.WriteFile(filepath.Join(tmp, "picture"), []byte("pixels"), 0o600) }
	for _, tc := range []struct {
		spec worker.Spec
		want string
	}{
		{guestSpec(""), `["picture"]`},
		{shell(worker.Plain, `cd "$TMPDIR"; echo "[\"$(cat picture)\"]"`), `["pixels"]`},
	} {
		pool, _ := newPool(t, 1)
		if got := run(t, pool, tc.spec, worker.Job{Actor: "list", Fill: fill}); got != tc.want {
			t.Errorf("Run() = %s, want %s", got, tc.want)
		}
		full := errors.New("disk full")
		_, err := pool.Run(t.Context(), tc.spec, worker.Job{ID: "t", Actor: "list", Fill: func(string) error { return full }}, newRecorder())
		if !errors.Is(err, full) {
			t.Errorf("Run() = %v, want %v", err, full)
		}
	}
}

func TestSinkErrorStopsTheJob(t *testing.T) {
	t.Parallel()
	pool, _ := newPool(t, 1)
	heard := newRecorder()
	heard.refuse = errors.New("disk full")
	if _, err := pool.Run(t.Context(), guestSpec(""), worker.Job{ID: "t", Actor: "talk"}, heard); !errors.Is(err, heard.refuse) {
		t.Errorf("Run() = %v, want the sink's error", err)
	}
}

// alive reports whether a process runs, as opposed to a zombie or nothing.
func alive(pid string) bool {
	state, err := exec.Command("ps", "-o", "stat=", "-p", pid).Output()
	return err == nil && !strings.HasPrefix(strings.TrimSpace(string(state)), "Z")
}

func TestCancelObeyed(t *testing.T) {
	t.Parallel()
	pool, _ := newPool(t, 1)
	cause := errors.New("user asked")
	ctx, cancel := context.WithCancelCause(t.Context())
	heard := newRecorder()
	go func() { <-heard.lines; cancel(cause) }()
	if _, err := pool.Run(ctx, guestSpec(""), worker.Job{ID: "t", Actor: "wait"}, heard); !errors.Is(err, cause) || !errors.Is(err, context.Canceled) {
		t.Errorf("Run() = %v, want %v", err, cause)
	}
	spec := guestSpec("")
	spec.Env = append(spec.Env, "X=1") // a worker that stayed would be in the way of this one
	if _, err := pool.Run(t.Context(), spec, worker.Job{ID: "t", Actor: "pid"}, heard); err != nil {
		t.Errorf("Run(pid) = %v, want an answer", err)
	}
}

func TestCancelEnforced(t *testing.T) {
	t.Parallel()
	for _, mode := range []worker.Mode{worker.Warm, worker.Oneshot} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			pool, _ := newPool(t, 1)
			ctx, cancel := context.WithCancel(t.Context())
			heard := newRecorder()
			pids := make(chan string, 1)
			go func() { pids <- <-heard.lines; cancel() }()
			spec := guestSpec(mode)
			spec.Grace = 200 * time.Millisecond
			if _, err := pool.Run(ctx, spec, worker.Job{ID: "t", Actor: "deaf"}, heard); !errors.Is(err, context.Canceled) {
				t.Errorf("Run() = %v, want context.Canceled", err)
			}
			for _, pid := range strings.Fields(<-pids) {
				if alive(pid) {
					t.Errorf("process %s lives after the job, want the whole family gone", pid)
				}
			}
		})
	}
}

func TestCancelWhileStarting(t *testing.T) {
	t.Parallel()
	pool, _ := newPool(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	heard := newRecorder()
	go func() { <-heard.lines; cancel() }()
	spec := shell("", `echo '{"type":"info","text":"loading"}'; sleep 600`)
	if _, err := pool.Run(ctx, spec, worker.Job{ID: "t"}, heard); !errors.Is(err, context.Canceled) {
		t.Errorf("Run() = %v, want context.Canceled", err)
	}
}

// TestKilledHost kills the host with a worker that would live on, and wants
// the next pool in the same folder to find what is left.
func TestKilledHost(t *testing.T) {
	t.Parallel()
	temp := t.TempDir()
	host := exec.Command(os.Args[0])
	host.Env = append(os.Environ(), roleVariable+"=host", "WORKER_TEST_TEMP="+temp, "WORKER_TEST_ACTOR=deaf")
	out, err := host.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := host.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 100)
	n, err := out.Read(line)
	pids := strings.Fields(string(line[:n]))
	if err != nil || len(pids) != 3 {
		t.Fatalf("the host said %q, %v, want three processes", line[:n], err)
	}
	if err := host.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = host.Wait()
	until(t, "the worker ends with its host", func() bool { return !alive(pids[0]) })
	if !alive(pids[2]) {
		t.Error("the worker's child ended by itself: this test shows nothing")
	}
	pool, err := worker.New(worker.Config{Temp: temp, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatalf("New() = %v, want a pool", err)
	}
	for _, pid := range pids {
		if alive(pid) {
			t.Errorf("process %s lives, want it ended by the next pool", pid)
		}
	}
	if err := pool.Close(); err != nil {
		t.Errorf("Close() = %v, want nil", err)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("folder holds %v, %v, want nothing", left, err)
	}
}

// TestOrphansAreReaped wants no zombie left where nobody else takes them.
func TestOrphansAreReaped(t *testing.T) {
	t.Parallel()
	first := exec.Command(os.Args[0])
	first.Env = append(os.Environ(), roleVariable+"=first", "WORKER_TEST_TEMP="+t.TempDir())
	out, err := first.CombinedOutput()
	if err != nil || string(out) != "no child processes\n" {
		t.Errorf("the first process says %q, %v, want no child processes", out, err)
	}
}

// until waits for something that another process does.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	again, deadline := time.NewTicker(10*time.Millisecond), time.After(30*time.Second)
	defer again.Stop()
	for !done() {
		select {
		case <-again.C:
		case <-deadline:
			t.Fatalf("did not happen: %s", what)
		}
	}
}
