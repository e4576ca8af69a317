package worker

import (
	"errors"
	"fmt"
	"strings"
)

// How a job ends badly, besides *Failed and *Died. The worker was stopped.
var (
	// ErrStart: the program could not be started.
	ErrStart = errors.New("worker cannot be started")
	// ErrHung: no message for as long as the spec's Silence allows, or not
	// ready within StartTimeout.
	ErrHung = errors.New("worker hangs")
	// ErrProtocol: what the worker said is not the protocol, or not its version.
	ErrProtocol = errors.New("worker breaks the protocol")
	// ErrTooMuch: a line or all of a job's output went beyond its bound.
	ErrTooMuch = errors.New("worker says too much")
)

// Failed is a job that its worker reported as failed. The worker is well.
type Failed struct {
	// Message is one line for users.
	Message string
	// Traceback is for whoever looks after the worker; it may be empty.
	Traceback string
}

// Error returns the message.
func (e *Failed) Error() string {
	if e.Message == "" {
		return "the job failed without a message"
	}
	return e.Message
}

// Died is a worker that ended in the middle of a job.
type Died struct {
	// Name is the spec's.
	Name string
	// Code is the exit status, -1 after a signal.
	Code int
	// Signal is the name of the signal that ended it; empty when there was none.
	Signal string
	// OutOfMemory: the worker was over its memory bound and was killed for it.
	OutOfMemory bool
	// Stderr is the end of what it wrote there, at most 64 KiB. It may hold
	// paths and is not for users.
	Stderr string
}

// Error says how the worker ended, without what it wrote.
func (e *Died) Error() string {
	switch {
	case e.OutOfMemory:
		return fmt.Sprintf("worker %s was stopped because it used more memory than it may", e.Name)
	case e.Signal == "killed":
		return fmt.Sprintf("worker %s was killed from outside, most often by the system for want of memory", e.Name)
	case e.Signal != "":
		return fmt.Sprintf("worker %s crashed: %s", e.Name, e.Signal)
	}
	return fmt.Sprintf("worker %s ended in the middle of the job with exit status %d", e.Name, e.Code)
}

// quote shows a line in an error, bounded.
func quote(line []byte) string {
	const most = 200
	text := strings.ToValidUTF8(string(line[:min(len(line), most)]), "\uFFFD")
	if len(line) > most {
		text += "…"
	}
	return fmt.Sprintf("%q", text)
}
