package worker

import (
	"context"
	"encoding/json"
	"time"

	"granary/internal/platform/worker/wire"
)

// Paths are the folders of one job, absolute. Tmp is the pool's to fill.
type Paths = wire.Paths

// Job is one piece of work.
type Job struct {
	// ID names the job in messages; at most 256 bytes.
	ID string
	// Actor is the function that the worker runs.
	Actor string
	// Kwargs are its arguments, a JSON object. Defaults to {}.
	Kwargs json.RawMessage
	Paths  Paths
	// BaseURL is our public address, for absolute URLs in results.
	BaseURL string
	// Device is what the worker sees as CUDA_VISIBLE_DEVICES; empty hides every
	// GPU from it.
	Device string
	// Attempt counts from 1, which is the default.
	Attempt int
	// Limit ends the job with ErrHung when it runs for longer; the start of its
	// worker does not count. 0 means no limit. Not for plain programs, whose
	// start is their work.
	Limit time.Duration
	// Fill, if set, puts files into the job's temporary folder before the
	// worker hears of the job. Its error ends the job.
	Fill func(tmp string) error
}

// Level says how much a line matters.
type Level string

// The levels.
const (
	Info    Level = wire.Info
	Warning Level = wire.Warning
	Error   Level = wire.Error
)

// Bar is a progress bar. Several may be there at once, told apart by Key.
type Bar struct {
	Key, Context string
	// Current of Total units are done; Total is 0 while it is unknown.
	Current, Total int64
	// End takes the bar away.
	End bool
}

// Sink gets what a worker says about its job, in order, from one goroutine,
// and nothing any more once Run has returned or its context has ended. While
// a method blocks, the worker is not read and soon waits too.
type Sink interface {
	// Line is a line of the log, at most 16 KiB.
	Line(level Level, text string)
	// Bar is the new state of a progress bar.
	Bar(b Bar)
	// Event is a part of the result. An error ends the job: the worker is told
	// to stop and Run returns the error.
	Event(ctx context.Context, name string, data json.RawMessage) error
}
