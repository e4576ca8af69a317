package worker

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"granary/internal/platform/fault"
)

// Mode says how a worker is used.
type Mode string

// The modes.
const (
	// Warm workers stay for further jobs, one after the other, and keep what
	// they have loaded. The default.
	Warm Mode = "warm"
	// Oneshot workers speak the same protocol and end after one job.
	Oneshot Mode = "oneshot"
	// Plain programs do not speak the protocol: they find the job in the file
	// that $GRANARY_JOB names, and their last line of output is the result.
	Plain Mode = "plain"
)

// Defaults of Spec.
const (
	DefaultStartTimeout = 2 * time.Minute
	DefaultGrace        = 10 * time.Second
	DefaultIdleTimeout  = 10 * time.Minute
	DefaultMaxLine      = 4 << 20
	DefaultMaxOutput    = 1 << 30
	DefaultMaxLog       = 8 << 20
)

// Spec describes a kind of worker.
type Spec struct {
	// Name is for people: logs and errors.
	Name string
	// Argv is the program and its arguments; no shell reads it. A program name
	// with a slash that is not absolute is relative to Dir.
	Argv []string
	// Dir is the working directory. Defaults to the worker's private folder.
	Dir string
	// Env are variables to set, NAME=value. They win over inherited ones.
	Env []string
	// Inherit are the names of further variables of our own environment that
	// the worker gets. Names that begin with GRANARY_ are never passed on.
	Inherit []string
	// Mode defaults to Warm.
	Mode Mode
	// Noise makes lines of standard output that are no messages log lines.
	// Without it they end the job with ErrProtocol.
	Noise bool
	// Memory bounds the bytes of memory of the worker: each process' writable
	// memory by the system, and the resident memory of all its processes
	// together by a watch. 0 means no bound. Linux only.
	Memory int64
	// StartTimeout bounds the time until the worker is ready. Defaults to 2 min.
	StartTimeout time.Duration
	// Silence ends a job with ErrHung when its worker says nothing for so long.
	// 0 means that a worker may be silent for ever.
	Silence time.Duration
	// Grace is the time a worker has to end before it is killed: half of it to
	// obey a message, half of it after TERM. Defaults to 10 s.
	Grace time.Duration
	// IdleTimeout is how long a warm worker is kept without a job. Defaults to
	// 10 min.
	IdleTimeout time.Duration
	// MaxLine bounds the bytes of one message, a result included. Defaults to
	// 4 MiB.
	MaxLine int
	// MaxOutput bounds the bytes of all messages of one job. Defaults to 1 GiB.
	MaxOutput int64
	// MaxLog bounds the bytes of a job's log lines; what comes after is
	// dropped, and a warning says so. Defaults to 8 MiB.
	MaxLog int64
}

// check refuses what cannot work and applies the defaults. Errors:
// fault.Invalid.
func (s Spec) check() (Spec, error) {
	s.Name = cmp.Or(s.Name, "worker")
	s.Mode = cmp.Or(s.Mode, Warm)
	switch {
	case len(s.Argv) == 0 || s.Argv[0] == "":
		return s, fault.New(fault.Invalid, "worker %s has no command line", s.Name)
	case s.Mode != Warm && s.Mode != Oneshot && s.Mode != Plain:
		return s, fault.New(fault.Invalid, "worker %s has no mode %q: use warm, oneshot or plain", s.Name, s.Mode)
	case s.Memory < 0 || s.StartTimeout < 0 || s.Silence < 0 || s.Grace < 0 || s.IdleTimeout < 0 || s.MaxLine < 0 || s.MaxOutput < 0 || s.MaxLog < 0:
		return s, fault.New(fault.Invalid, "worker %s has a negative limit", s.Name)
	}
	for _, text := range append(append([]string{s.Dir}, s.Argv...), s.Env...) {
		if strings.IndexByte(text, 0) >= 0 {
			return s, fault.New(fault.Invalid, "worker %s has a NUL byte in its command line or environment", s.Name)
		}
	}
	for _, pair := range s.Env {
		if name, _, ok := strings.Cut(pair, "="); !ok || name == "" {
			return s, fault.New(fault.Invalid, "worker %s has an environment entry that is not NAME=value", s.Name)
		}
	}
	s.StartTimeout = cmp.Or(s.StartTimeout, DefaultStartTimeout)
	s.Grace = cmp.Or(s.Grace, DefaultGrace)
	s.IdleTimeout = cmp.Or(s.IdleTimeout, DefaultIdleTimeout)
	s.MaxLine = cmp.Or(s.MaxLine, DefaultMaxLine)
	s.MaxOutput = cmp.Or(s.MaxOutput, DefaultMaxOutput)
	s.MaxLog = cmp.Or(s.MaxLog, DefaultMaxLog)
	return s, nil
}

// key is equal for specs whose warm workers may stand in for each other.
func (s Spec) key(device string) string {
	return fmt.Sprintf("%q %q %q %q %v %d %d %d %d %q %q %q", device, s.Name, s.Dir, s.Mode, s.Noise, s.Memory, s.Grace, s.IdleTimeout, s.MaxLine, s.Argv, s.Env, s.Inherit)
}
