package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// binaryVariable names the binary under test.
const binaryVariable = "GRANARY_BIN"

// commandLimit bounds one command; the slowest, the demo, takes about 20 s.
const commandLimit = 2 * time.Minute

// Build makes sure that GRANARY_BIN names a binary, building one when it is
// not set, and returns what removes it again. TestMain calls it once.
func Build(ctx context.Context) (remove func() error, err error) {
	if path := os.Getenv(binaryVariable); path != "" {
		_, err := os.Stat(path)
		return func() error { return nil }, err
	}
	folder, err := os.MkdirTemp("", "granary-test-")
	if err != nil {
		return nil, err
	}
	remove = func() error { return os.RemoveAll(folder) }
	path := filepath.Join(folder, "granary")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", path, "granary/cmd/granary") //nolint:gosec // a folder of our own
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("build the binary: %w\n%s", err, out), remove())
	}
	return remove, os.Setenv(binaryVariable, path)
}

// environment is the process's own without what configures a server, so that
// a developer's shell does not change what is tested.
func environment(extra []string) []string {
	var env []string
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, "GRANARY_") || strings.HasPrefix(name, "NACHET_") || name == "PORT" || name == "DEV_USER_EMAIL" {
			continue
		}
		env = append(env, entry)
	}
	return append(env, extra...)
}

// Result is how a command ended.
type Result struct {
	Code           int
	Stdout, Stderr string
}

// Store is a place for data that several servers and commands may share.
type Store struct {
	// Folder is the data folder; commands run in it.
	Folder string
	// Env configures the stores and whatever the test adds.
	Env []string
}

// Try runs a granary command on the store and returns how it ended.
func (s Store) Try(t testing.TB, args ...string) Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), commandLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Getenv(binaryVariable), append(args, "--data", s.Folder)...) //nolint:gosec // the binary under test
	cmd.Dir, cmd.Env = s.Folder, environment(s.Env)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		t.Fatalf("granary %s: %v, %v\n%s", strings.Join(args, " "), err, ctx.Err(), stderr.String())
	}
	return Result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// Command runs a granary command that must succeed and returns what it
// printed, without the last line break.
func (s Store) Command(t testing.TB, args ...string) string {
	t.Helper()
	result := s.Try(t, args...)
	if result.Code != 0 {
		t.Fatalf("granary %s: exit %d\n%s%s", strings.Join(args, " "), result.Code, result.Stdout, result.Stderr)
	}
	return strings.TrimSuffix(result.Stdout, "\n")
}

// Shell runs commands of a manual page in the data folder, where all must
// succeed, and returns what they printed to standard output. granary is the
// binary under test, on this store.
func (s Store) Shell(t testing.TB, commands string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), commandLimit)
	defer cancel()
	granary := fmt.Sprintf("granary() { %q \"$@\" --data %q; }\n", os.Getenv(binaryVariable), s.Folder)
	cmd := exec.CommandContext(ctx, "sh", "-e", "-c", granary+commands) //nolint:gosec // the repository's own pages
	cmd.Dir, cmd.Env = s.Folder, environment(s.Env)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s%s", commands, err, stdout.String(), stderr.String())
	}
	return stdout.String()
}

// Write puts a file into the data folder and returns its path.
func (s Store) Write(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(s.Folder, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// With returns the store with further variables.
func (s Store) With(env ...string) Store {
	s.Env = append(s.Env[:len(s.Env):len(s.Env)], env...)
	return s
}
