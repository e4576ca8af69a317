// Package manifest reads the file that describes one demo app: app.yaml, in a
// folder of its own. It owns the file's shape, its checks and the contract of
// an app's parameters; it does not start anything.
//
//	apps/NAME/app.yaml ──► Read ──► Manifest ─► routes, queue, worker, results of the app
//	a start request's parameters ──► Endpoint.Arguments ──► what the worker gets
package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// FileName is the manifest's name in an app's folder.
const FileName = "app.yaml"

// MaxBytes bounds a manifest.
const MaxBytes = 256 << 10

// Manifest describes one app.
type Manifest struct {
	// Name is what demos.apps lists; lower-case snake_case.
	Name string `yaml:"name"`
	// Names are further names under which a configuration may ask for the app.
	Names []string `yaml:"names"`
	// Title and Description are for people.
	Title       string `yaml:"title"`
	Description string `yaml:"description"`
	// Prefixes are where the routes lie; the first one is used in addresses.
	Prefixes []string `yaml:"prefixes"`
	// Folder is the app's folder below the data folder. Defaults to Name.
	Folder string `yaml:"folder"`
	// Queue is the queue of the app's jobs. Defaults to Name.
	Queue string `yaml:"queue"`
	// Concurrency is how many jobs of the app one process runs at once.
	// Defaults to 1, first come, first served.
	Concurrency int `yaml:"concurrency"`
	// Device is gpu for an app whose jobs need a GPU alone. Defaults to cpu.
	Device Device `yaml:"device"`
	// TimeLimit bounds one job. Defaults to 24 h.
	TimeLimit time.Duration `yaml:"time_limit"`
	// Attempts is how often a job is begun when its process dies. Defaults to 2.
	Attempts int `yaml:"attempts"`
	// Worker is the program that does the work.
	Worker Worker `yaml:"worker"`
	// Endpoints are the kinds of task; most apps have one.
	Endpoints []Endpoint `yaml:"endpoints"`
	// Sources is the folder of reference collections, below Folder; empty for
	// apps without.
	Sources string `yaml:"sources"`

	// Dir is the folder that the manifest was read from; empty for a built-in.
	Dir string `yaml:"-"`
}

// Device says what an app's job occupies.
type Device string

// The devices.
const (
	CPU Device = "cpu"
	GPU Device = "gpu"
)

// Worker is how an app's process is started and watched.
type Worker struct {
	// Command is the program with its arguments. "granary" as the program is
	// this very binary. A relative path is looked up in the app's folder.
	Command []string `yaml:"command"`
	// Mode is warm, oneshot or plain. Defaults to warm.
	Mode string `yaml:"mode"`
	// Environment is added to the worker's; Inherit names variables of the
	// server's own environment that are let through.
	Environment map[string]string `yaml:"environment"`
	Inherit     []string          `yaml:"inherit"`
	// Noise lets the program print other lines than messages; they are logged.
	Noise bool `yaml:"noise"`
	// MemoryMiB limits the process; 0 is no limit.
	MemoryMiB int64 `yaml:"memory_mib"`
	// Silence ends a job whose worker says nothing for so long; 0 waits.
	Silence time.Duration `yaml:"silence"`
	// Start bounds the time to the first message. Defaults to 5 min: a model
	// may have to be loaded.
	Start time.Duration `yaml:"start_timeout"`
	// Grace is what a worker gets to stop by itself. Defaults to 10 s.
	Grace time.Duration `yaml:"grace"`
	// Idle is after how long without a job a warm worker ends. Defaults to 10 min.
	Idle time.Duration `yaml:"idle_timeout"`
}

// Endpoint is one kind of task.
type Endpoint struct {
	// Path is added to the app's prefixes; empty for the app's only one.
	Path string `yaml:"path"`
	// Actor is the worker's name of the task.
	Actor string `yaml:"actor"`
	// Bodies are the forms of a start request: json, form, multipart.
	Bodies []string `yaml:"bodies"`
	// NotJSON is the text with which an endpoint that reads only JSON refuses
	// anything else.
	NotJSON string `yaml:"not_json"`
	// Documents is required, optional or none; Crops says whether regions of
	// pictures are accepted.
	Documents Need `yaml:"documents"`
	Crops     bool `yaml:"crops"`
	// Upload is the multipart field that carries a picture; empty for none.
	Upload string `yaml:"upload"`
	// ClientID adds the client_id parameter.
	ClientID bool `yaml:"client_id"`
	// Parameters is the contract of the parameters, in the order shown.
	Parameters Parameters `yaml:"parameters"`
	// Arguments says how the worker gets the parameters: flat beside the
	// other arguments, as an object, or as an object in a JSON string.
	Shape Shape `yaml:"arguments"`
	// Inputs are published files, below Folder, that the worker gets to read:
	// a {name} stands for the value of that parameter.
	Inputs []string `yaml:"inputs"`
	// Publish are the patterns (path.Match, below Folder) of the files that a
	// task leaves. Annotations publishes the documents' annotation files too.
	Publish     []string `yaml:"publish"`
	Annotations bool     `yaml:"annotations"`
	// Result is where one result is found.
	Result Result `yaml:"result"`
	// Models lists what a start may name; nil for endpoints without models.
	Models *Models `yaml:"models"`
	// Clear names the counters of the clear routes by what they count.
	Clear map[string]Counted `yaml:"clear"`
	// ClearOne is what the id of the clear-one route names.
	ClearOne IDKind `yaml:"clear_one"`
	// Delete is the rule of the delete route; empty for none.
	Delete DeleteRule `yaml:"delete"`
}

// Need says whether something must be given.
type Need string

// The needs.
const (
	Required Need = "required"
	Optional Need = "optional"
	Never    Need = "none"
)

// Shape is how parameters reach the worker.
type Shape string

// The shapes.
const (
	Flat   Shape = "flat"
	Object Shape = "object"
	Text   Shape = "json"
)

// Result says how the id of a result route becomes a file.
type Result struct {
	// Path is the route below the endpoint, with {id}.
	Path string `yaml:"path"`
	// File is the file below Folder, with {id}. A ~ in an id is a slash.
	File string `yaml:"file"`
	// ID says what the id names. Defaults to a name.
	ID IDKind `yaml:"id"`
}

// IDKind is what an id in an address names.
type IDKind string

// The kinds of ids.
const (
	// ByName takes the id as it stands.
	ByName IDKind = "name"
	// ByTask takes a task id, or an experiment id for its newest task.
	ByTask IDKind = "task"
	// ByDocument takes a document's uid.
	ByDocument IDKind = "document"
)

// Counted is what a counter of a clear route counts.
type Counted string

// What can be counted.
const (
	CountTasks     Counted = "tasks"
	CountResults   Counted = "results"
	CountDocuments Counted = "documents"
	CountUploads   Counted = "uploads"
	CountNothing   Counted = "nothing"
)

// DeleteRule says what a delete route removes.
type DeleteRule string

// The rules.
const (
	DeleteAnnotations DeleteRule = "annotations"
	DeletePairs       DeleteRule = "pairs"
	DeleteFolder      DeleteRule = "folder"
)

// Models lists an endpoint's models.
type Models struct {
	// Folder holds model files, below the app's folder; Extensions are theirs.
	Folder     string   `yaml:"folder"`
	Extensions []string `yaml:"extensions"`
	// Builtin are always there, in the order shown.
	Builtin []Model `yaml:"builtin"`
}

// Model is one model as a front end lists it.
type Model struct {
	Stem string `yaml:"model"`
	Name string `yaml:"name"`
	Desc string `yaml:"desc"`
}

// Read decodes and checks a manifest, naming every problem at once.
func Read(data []byte) (*Manifest, error) {
	if len(data) > MaxBytes {
		return nil, fmt.Errorf("manifest is larger than %d bytes", MaxBytes)
	}
	m := &Manifest{}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	if err := decoder.Decode(m); err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	if err := decoder.Decode(&struct{}{}); !errors.Is(err, io.EOF) {
		return nil, errors.New("manifest: more than one document")
	}
	m.defaults()
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("manifest %s: %w", m.Name, err)
	}
	return m, nil
}

func (m *Manifest) defaults() {
	fill(&m.Title, m.Name)
	fill(&m.Folder, m.Name)
	fill(&m.Queue, m.Name)
	fill(&m.Device, CPU)
	fill(&m.Concurrency, 1)
	fill(&m.Attempts, 2)
	fill(&m.TimeLimit, 24*time.Hour)
	fill(&m.Worker.Mode, "warm")
	fill(&m.Worker.Start, 5*time.Minute)
	fill(&m.Worker.Grace, 10*time.Second)
	fill(&m.Worker.Idle, 10*time.Minute)
	for i := range m.Endpoints {
		e := &m.Endpoints[i]
		fill(&e.Documents, Required)
		fill(&e.Shape, Flat)
		fill(&e.ClearOne, ByTask)
		fill(&e.Result.ID, ByName)
		if len(e.Bodies) == 0 {
			e.Bodies = []string{"json", "form"}
		}
		if e.Clear == nil {
			e.Clear = map[string]Counted{"cleared_results": CountResults}
		}
	}
}

func fill[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// The grammar of names: they become queues, job kinds, folders and routes.
var (
	nameGrammar   = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
	prefixGrammar = regexp.MustCompile(`^(/[a-z0-9_-]+){1,4}$`)
)

// maxName is what a queue's name may have.
const maxName = 20

func (m *Manifest) check() error {
	var errs []error
	problem := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for _, name := range append([]string{m.Name, m.Queue, m.Folder}, m.Names...) {
		if !nameGrammar.MatchString(name) || len(name) > maxName {
			problem("name %q: want snake_case of at most %d bytes", name, maxName)
		}
	}
	if len(m.Prefixes) == 0 {
		problem("prefixes: at least one is needed")
	}
	for _, prefix := range m.Prefixes {
		if !prefixGrammar.MatchString(prefix) || strings.HasPrefix(prefix, "/api") || strings.HasPrefix(prefix, "/datasets") {
			problem("prefix %q: want a path such as /%s that is not taken", prefix, m.Name)
		}
	}
	if len(m.Worker.Command) == 0 || slices.Contains(m.Worker.Command, "") {
		problem("worker.command: the program is missing")
	}
	oneOf(problem, "worker.mode", m.Worker.Mode, "warm", "oneshot", "plain")
	oneOf(problem, "device", m.Device, CPU, GPU)
	if m.Concurrency < 1 || m.Attempts < 1 || m.TimeLimit <= 0 || m.Worker.MemoryMiB < 0 {
		problem("a limit is not positive")
	}
	if len(m.Endpoints) == 0 {
		problem("endpoints: at least one is needed")
	}
	paths := map[string]bool{}
	for i := range m.Endpoints {
		e := &m.Endpoints[i]
		if paths[e.Path] {
			problem("endpoint %q is there twice", e.Path)
		}
		paths[e.Path] = true
		for _, err := range e.check() {
			problem("endpoint %q: %w", e.Path, err)
		}
	}
	return errors.Join(errs...)
}

func oneOf[T ~string](problem func(string, ...any), key string, value T, allowed ...T) {
	if !slices.Contains(allowed, value) {
		problem("%s: %q is not one of %q", key, value, allowed)
	}
}
