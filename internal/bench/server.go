package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// startLimit bounds how long a server may take until it is ready.
const startLimit = time.Minute

// settings lift the rate limit, which one client that never pauses would meet,
// and make a busy server say so by its status; the rest is at its defaults.
func settings() []string {
	return []string{
		"--set", "web.rate_per_second=1000000", "--set", "web.rate_burst=1000000",
		"--set", "vision.nachet.modern_status=true",
	}
}

// program is the binary under test with a data folder.
type program struct {
	binary, data string
}

// run runs a command to its end and returns what it printed.
func (p program) run(ctx context.Context, args ...string) (string, error) {
	cmd := p.command(ctx, args...)
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("granary %s: %w: %s", args[0], err, problems.String())
	}
	return strings.TrimSpace(out.String()), nil
}

// command gives the program an environment without settings, and a working
// folder without configuration files.
func (p program) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, p.binary, append(args, "--data", p.data)...) //nolint:gosec // our own binary
	cmd.Dir = p.data
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "GRANARY_") && !strings.HasPrefix(variable, "NACHET_") {
			cmd.Env = append(cmd.Env, variable)
		}
	}
	return cmd
}

// server is a running child. It must be stopped.
type server struct {
	URL string
	// Ready is the time from starting the process to its first 200 on /readyz.
	Ready time.Duration
	cmd   *exec.Cmd
	log   *tail
	read  sync.WaitGroup
}

// start runs the program's server and returns once it is ready.
func (p program) start(ctx context.Context, args ...string) (*server, error) {
	s := &server{log: &tail{}}
	s.cmd = p.command(ctx, slices.Concat([]string{"serve", "--listen", "127.0.0.1:0"}, settings(), args)...)
	s.cmd.Stderr = s.log
	s.cmd.Cancel = func() error { return s.cmd.Process.Signal(syscall.SIGTERM) }
	s.cmd.WaitDelay = 30 * time.Second
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start server: %w", err)
	}
	found := make(chan string, 1)
	s.read.Go(func() { announce(out, found) })
	limit := time.NewTimer(startLimit)
	defer limit.Stop()
	select {
	case s.URL = <-found:
	case <-limit.C:
	case <-ctx.Done():
	}
	if s.URL == "" {
		return nil, errors.Join(fmt.Errorf("the server did not start: %s", s.log), s.kill())
	}
	if err := s.ready(ctx); err != nil {
		return nil, errors.Join(err, s.kill())
	}
	s.Ready = time.Since(began)
	return s, nil
}

// announce sends the address that the server prints, or "" when it ends.
func announce(out io.Reader, found chan<- string) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if _, rest, ok := strings.Cut(lines.Text(), "http://"); ok {
			found <- "http://" + strings.TrimSuffix(strings.TrimSpace(rest), "/")
			break
		}
	}
	close(found)
	_, _ = io.Copy(io.Discard, out) // a full pipe would stop the server
}

func (s *server) ready(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/readyz", http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("ask for readiness: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the server said it was ready and answered %s", response.Status)
	}
	return nil
}

// stop ends the server as an operator would and returns an error when it does
// not leave cleanly.
func (s *server) stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop server: %w", err)
	}
	s.read.Wait()
	if err := s.cmd.Wait(); err != nil {
		return fmt.Errorf("stop server: %w: %s", err, s.log)
	}
	return nil
}

func (s *server) kill() error {
	err := s.cmd.Process.Kill()
	s.read.Wait()
	_ = s.cmd.Wait() // it was killed: there is nothing to learn
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// tail keeps the last part of a log.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailBytes = 8 << 10

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if extra := len(t.text) - tailBytes; extra > 0 {
		t.text = append(t.text[:0], t.text[extra:]...)
	}
	return len(p), nil
}

// String returns what is kept.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}
