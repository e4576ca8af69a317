package worker

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"granary/internal/platform/fault"
	host "granary/internal/platform/worker"
	"granary/internal/vision/engine"
)

// Name is how pipelines name this engine.
const Name = "worker"

// Defaults of engine.Spec, engine.Process and Config.
const (
	DefaultTimeout    = 30 * time.Second
	DefaultRetries    = 2
	DefaultProcesses  = 1
	DefaultBatch      = 8
	DefaultBreakAfter = 5
	DefaultBreakFor   = 10 * time.Second
)

// maxWaiting bounds the calls that wait for a process of one model; more are
// refused.
const maxWaiting = 1024

// Config is what all models of the engine have in common.
type Config struct {
	// Temp is the folder for the private folders of processes.
	Temp string
	// Workers bounds the processes of all models. Defaults to 16.
	Workers int
	// BreakAfter failures in a row stop all calls to a model for BreakFor.
	// Default to 5 and 10 s.
	BreakAfter int
	BreakFor   time.Duration
	Log        *slog.Logger
}

// Engine opens models whose programs run as worker processes.
type Engine struct {
	config Config

	mu   sync.Mutex
	pool *host.Pool // made with the first model: most installations have none
}

var _ engine.Engine = (*Engine)(nil)

// New returns the engine.
func New(config Config) *Engine {
	config.BreakAfter = cmp.Or(config.BreakAfter, DefaultBreakAfter)
	config.BreakFor = cmp.Or(config.BreakFor, DefaultBreakFor)
	return &Engine{config: config}
}

// Open prepares the model without starting its program. Errors: fault.Invalid
// for a spec without a program or with an endpoint.
func (e *Engine) Open(_ context.Context, spec engine.Spec) (engine.Model, error) {
	process := spec.Process
	switch {
	case process == nil || len(process.Command) == 0:
		return nil, fault.New(fault.Invalid, "model %s has no process", spec.Name)
	case spec.Endpoint != "" || spec.APIKey != "":
		return nil, fault.New(fault.Invalid, "model %s: the worker engine takes no endpoint and no key", spec.Name)
	case len(spec.Options) > 0 && !json.Valid(spec.Options):
		return nil, fault.New(fault.Invalid, "the options of model %s are no JSON", spec.Name)
	}
	pool, err := e.open()
	if err != nil {
		return nil, err
	}
	env := make([]string, 0, len(process.Env))
	for name, value := range process.Env {
		env = append(env, name+"="+value)
	}
	m := &model{
		name: spec.Name, version: spec.Version, options: spec.Options, pool: pool, log: e.config.Log,
		spec: host.Spec{
			Name: spec.Name, Argv: process.Command, Dir: process.Dir, Env: env, Inherit: process.Inherit,
			Mode: host.Warm, Noise: process.Noise, Memory: process.Memory, StartTimeout: process.StartTimeout,
		},
		device:   process.Device,
		timeout:  cmp.Or(max(spec.Timeout, 0), DefaultTimeout),
		retries:  max(cmp.Or(spec.Retries, DefaultRetries), 0),
		breakFor: e.config.BreakFor,
		batch:    cmp.Or(max(process.Batch, 0), DefaultBatch),
		waiting:  map[task]chan *ask{detect: make(chan *ask, maxWaiting), classify: make(chan *ask, maxWaiting)},
	}
	m.breaker = newBreaker(spec.Name, e.config)
	m.begin(cmp.Or(max(process.Processes, 0), DefaultProcesses))
	return m, nil
}

// open returns the pool of processes.
func (e *Engine) open() (*host.Pool, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.pool == nil {
		pool, err := host.New(host.Config{Temp: e.config.Temp, Workers: e.config.Workers, Log: e.config.Log})
		if err != nil {
			return nil, err
		}
		e.pool = pool
	}
	return e.pool, nil
}

// Close stops every process. Models are closed before.
func (e *Engine) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.pool == nil {
		return nil
	}
	pool := e.pool
	e.pool = nil
	return pool.Close()
}
