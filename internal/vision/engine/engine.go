// Package engine is the seam between the vision service and whatever runs a
// model. Each engine is an adapter in a folder of its own (azureml,
// openinference, worker, builtin) and passes the suite in enginetest.
//
//	pipeline step ─► Model.Detect(picture)   boxes in fractions of the sides
//	              └► Model.Classify(crop)    guesses, best first
package engine

import (
	"context"
	"encoding/json"
	"time"

	"granary/internal/platform/raster"
)

// Box is a rectangle in fractions of the picture's width and height, 0..1
// from the top left corner. A model may answer slightly outside that range.
type Box struct {
	TopX, TopY, BottomX, BottomY float64
}

// Guess is one candidate label with its score in 0..1.
type Guess struct {
	Label string
	Score float64
}

// Detection is one object found in a picture. Guesses is empty when the
// detector only localises; a complete model fills it, best first.
type Detection struct {
	Box     Box
	Label   string
	Score   float64
	Guesses []Guess
}

// Model is an opened model. Both methods block, honour ctx, are safe for
// concurrent use and return a fault.Unavailable error when the model cannot
// be reached and fault.Invalid when its answer makes no sense.
type Model interface {
	// Detect finds objects; an empty result is not an error.
	Detect(ctx context.Context, picture *raster.Picture) ([]Detection, error)
	// Classify names the one object a crop shows, best guess first.
	Classify(ctx context.Context, crop *raster.Picture) ([]Guess, error)
	// Close releases connections or processes. The model is not used afterwards.
	Close() error
}

// Task is what a model does, in the words of the pipeline files.
type Task string

// The tasks.
const (
	ObjectDetection Task = "object-detection"
	Classification  Task = "classification"
	Segmentation    Task = "segmentation"
)

// Spec describes one model of a pipeline file. Endpoint and APIKey are in
// plain text here and sealed wherever they are stored.
type Spec struct {
	Name       string
	Version    string
	Engine     string // azureml, openinference, worker, builtin
	Task       Task
	Endpoint   string
	APIKey     string
	Content    string // Content-Type of the call; defaults to application/json
	Deployment string // name of the header that carries Name
	// Timeout bounds one call including its retries. Defaults to 30 s.
	Timeout time.Duration
	// Retries is how often a call is repeated on 429, 502, 503, 504 and
	// connection errors. Defaults to 2; a negative number means never.
	Retries int
	// Concurrency bounds calls in flight to this model. Defaults to 8.
	Concurrency int
	// Options are the engine's own, as declared in the pipeline file.
	Options json.RawMessage
	// Process is the program of a model of the engine worker; nil for others.
	Process *Process
}

// Process says how the program of a model is run, beside the server.
type Process struct {
	// Command is the program and its arguments; no shell reads it.
	Command []string
	// Dir is its working folder. Defaults to a private one.
	Dir string
	// Env are variables that it gets, Inherit the names of variables of our own
	// environment that it gets too.
	Env     map[string]string
	Inherit []string
	// Device is its CUDA_VISIBLE_DEVICES; empty hides every GPU.
	Device string
	// Memory bounds its bytes. Defaults to no bound.
	Memory int64
	// StartTimeout bounds the time to load the model. Defaults to 2 min.
	StartTimeout time.Duration
	// Noise lets it print lines that are no messages.
	Noise bool
	// Processes is how many run at once. Defaults to 1.
	Processes int
	// Batch is how many pictures it gets in one message. Defaults to 8.
	Batch int
}

// Engine opens models of one kind.
type Engine interface {
	// Open checks the spec and prepares the model; it does not call it.
	Open(ctx context.Context, spec Spec) (Model, error)
}
