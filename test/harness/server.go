package harness

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	// readyLimit bounds a start; it takes a fraction of a second on an idle
	// machine.
	readyLimit = time.Minute
	// stopLimit bounds the clean end of a server: its own drain is shorter.
	stopLimit = 40 * time.Second
)

// Server is a running granary serve.
type Server struct {
	Store

	// URL is the address of the main listener, without a slash at its end.
	URL string

	cmd    *exec.Cmd
	output *output
	ended  chan struct{}
	code   int
	once   sync.Once
}

// Start runs granary serve on a free port over the store and waits until it is
// ready. The server is stopped with SIGTERM when the test ends, which must
// then see a clean exit and no panic in its log.
func Start(t testing.TB, store Store, args ...string) *Server {
	t.Helper()
	s := Launch(t, store, append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)...)
	s.WaitReady(t)
	return s
}

// Launch starts a command that goes on running, without waiting for anything
// but its first output.
func Launch(t testing.TB, store Store, args ...string) *Server {
	t.Helper()
	// Not the test's context: that ends before the clean-up, which stops the
	// server properly.
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), os.Getenv(binaryVariable), append(args, "--data", store.Folder)...) //nolint:gosec // the binary under test
	cmd.Dir, cmd.Env = store.Folder, environment(store.Env)
	s := &Server{Store: store, cmd: cmd, output: &output{changed: make(chan struct{}, 1)}, ended: make(chan struct{})}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = s.output
	if err := cmd.Start(); err != nil {
		t.Fatalf("start the server: %v", err)
	}
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		_, _ = io.Copy(s.output, stdout) // ends with the process
	}()
	go func() {
		defer close(s.ended)
		<-copied
		var exit *exec.ExitError
		if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
			s.code = -1
			return
		}
		s.code = cmd.ProcessState.ExitCode()
	}()
	t.Cleanup(func() {
		s.Stop(t)
		if t.Failed() {
			t.Logf("the server's log ends with:\n%s", tail(s.Log(), 6000))
		}
		if strings.Contains(s.Log(), "panic in handler") {
			t.Errorf("the server panicked:\n%s", tail(s.Log(), 20000))
		}
	})
	return s
}

func tail(text string, n int) string { return text[max(0, len(text)-n):] }

// The lines that say where the server is.
var (
	consoleLine = regexp.MustCompile(`(?m)^\s*console\s+(\S+?)/?\n`)
	setupLine   = regexp.MustCompile(`(?m)^\s*first run\s+(\S+)\n`)
)

// WaitReady blocks until the server has printed its address and /readyz says
// 200.
func (s *Server) WaitReady(t testing.TB) {
	t.Helper()
	limit := time.NewTimer(readyLimit)
	defer limit.Stop()
	for s.URL == "" {
		select {
		case <-s.output.changed:
		case <-s.ended:
			t.Fatalf("the server ended with %d:\n%s", s.code, s.Log())
		case <-limit.C:
			t.Fatalf("the server did not say where it is:\n%s", s.Log())
		}
		if m := consoleLine.FindStringSubmatch(s.Log()); m != nil {
			s.URL = m[1]
		}
	}
	Eventually(t, "the server is ready", func() bool {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/readyz", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			return false
		}
		return answer.Body.Close() == nil && answer.StatusCode == http.StatusOK
	})
}

// SetupURL waits for the link of the first run and returns it.
func (s *Server) SetupURL(t testing.TB) string {
	t.Helper()
	var link string
	Eventually(t, "the server prints the link of the first run", func() bool {
		if m := setupLine.FindStringSubmatch(s.Log()); m != nil {
			link = m[1]
		}
		return link != ""
	})
	return link
}

// Signal sends a signal to the server without waiting for anything.
func (s *Server) Signal(t testing.TB, sig os.Signal) {
	t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		t.Errorf("signal the server: %v", err)
	}
}

// Stop ends the server with SIGTERM and checks that it ended cleanly. Calling
// it again does nothing.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	s.once.Do(func() {
		if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Errorf("signal the server: %v", err)
		}
		select {
		case <-s.ended:
		case <-time.After(stopLimit):
			t.Errorf("the server did not stop within %s", stopLimit)
			if err := s.cmd.Process.Kill(); err != nil {
				t.Errorf("kill the server: %v", err)
			}
			<-s.ended
		}
		if s.code != 0 {
			t.Errorf("the server ended with %d, want 0", s.code)
		}
	})
}

// Wait blocks until the process has ended by itself and returns its exit code.
func (s *Server) Wait(t testing.TB) int {
	t.Helper()
	select {
	case <-s.ended:
	case <-time.After(commandLimit):
		t.Fatalf("the command did not end within %s:\n%s", commandLimit, s.Log())
	}
	return s.code
}

// Log returns everything that the server has written so far, both streams.
func (s *Server) Log() string { return s.output.String() }

// LogLines returns the log's lines that hold all of the words.
func (s *Server) LogLines(words ...string) []string {
	var found []string
	lines := bufio.NewScanner(strings.NewReader(s.Log()))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		all := true
		for _, word := range words {
			all = all && strings.Contains(lines.Text(), word)
		}
		if all {
			found = append(found, lines.Text())
		}
	}
	return found
}

// output collects what a process writes.
type output struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{} // holds one note that there is more
}

// Write adds to the text; it never blocks.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n, err := o.text.Write(p)
	select {
	case o.changed <- struct{}{}:
	default:
	}
	return n, err
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// Eventually polls until ok or a generous deadline.
func Eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	limit := time.NewTimer(readyLimit)
	defer limit.Stop()
	for wait := time.Millisecond; !ok(); wait = min(2*wait, 50*time.Millisecond) {
		select {
		case <-limit.C:
			t.Fatalf("waited %s in vain: %s", readyLimit, what)
		case <-time.After(wait):
		}
	}
}
