package pipeline

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"granary/internal/platform/fault"
	"granary/internal/vision/engine"
)

// Bounds of a definition.
const (
	maxNameLength = 200
	maxModels     = 32
	maxSteps      = 32
	maxLabels     = 1000
	maxTimeout    = 10 * time.Minute
	maxRetries    = 10
	maxConcurrent = 256
)

// StepKind says what a step does.
type StepKind string

// The kinds of steps, in the order in which they may follow each other.
const (
	// StepDetect finds the objects. The first step, exactly once.
	StepDetect StepKind = "detect"
	// StepCrop hands the area of each box on to the steps behind it.
	StepCrop StepKind = "crop"
	// StepClassify names every crop anew.
	StepClassify StepKind = "classify"
	// StepEnsemble names anew only the crops whose label is in Labels.
	StepEnsemble StepKind = "ensemble"
	// StepPostProcess sets the options of post-processing, which always runs.
	StepPostProcess StepKind = "post_process"
)

// Definition describes one pipeline.
type Definition struct {
	Name    string `json:"name"`
	Default bool   `json:"default,omitempty"`
	Version string `json:"version,omitempty"`

	Description string `json:"description,omitempty"`
	CreatedBy   string `json:"created_by,omitempty"`
	// CreationDate is text as the author wrote it, usually YYYY-MM-DD.
	CreationDate string  `json:"creation_date,omitempty"`
	JobName      string  `json:"job_name,omitempty"`
	Dataset      string  `json:"dataset,omitempty"`
	Accuracy     float64 `json:"accuracy,omitempty"`

	// Models are the models that Steps name. Their order is the one in which
	// clients see them.
	Models []Model `json:"models"`
	Steps  []Step  `json:"steps"`
}

// Step is one step of a pipeline.
type Step struct {
	Kind StepKind `json:"kind"`
	// Model names the model of a detect, classify or ensemble step.
	Model string `json:"model,omitempty"`
	// Labels is the condition of an ensemble step.
	Labels []string `json:"labels,omitempty"`
	// DropNumber removes a leading number word from the labels that a classify
	// or ensemble step answers: "13 Ambrosia trifida" → "Ambrosia trifida".
	DropNumber bool `json:"drop_number,omitempty"`
	// AreaRatio is the default overlap threshold of a post_process step.
	// Defaults to 0.5.
	AreaRatio *float64 `json:"area_ratio,omitempty"`
}

// Model is one model of a pipeline: how to call it and what is known of it.
// Endpoint and APIKey are in plain text.
type Model struct {
	Name    string      `json:"name"`
	Version string      `json:"version,omitempty"`
	Engine  string      `json:"engine"`
	Task    engine.Task `json:"task,omitempty"`

	Endpoint         string `json:"endpoint,omitempty"`
	APIKey           string `json:"api_key,omitempty"`
	ContentType      string `json:"content_type,omitempty"`
	DeploymentHeader string `json:"deployment_header,omitempty"`
	// Timeout bounds one call with its retries. Defaults to 30s.
	Timeout Duration `json:"timeout,omitempty"`
	// Retries is how often a call is repeated. Defaults to 2; -1 means never.
	Retries int `json:"retries,omitempty"`
	// Concurrency bounds the calls in flight to this model. Defaults to 8.
	Concurrency int `json:"concurrency,omitempty"`
	// Options are the engine's own.
	Options json.RawMessage `json:"options,omitempty"`
	// Process is the program of a model of the engine worker.
	Process *Process `json:"process,omitempty"`

	EndpointName string  `json:"endpoint_name,omitempty"`
	Description  string  `json:"description,omitempty"`
	CreatedBy    string  `json:"created_by,omitempty"`
	CreationDate string  `json:"creation_date,omitempty"`
	JobName      string  `json:"job_name,omitempty"`
	Dataset      string  `json:"dataset,omitempty"`
	Accuracy     float64 `json:"accuracy,omitempty"`
}

// Spec returns the model as an engine opens it.
func (m Model) Spec() engine.Spec {
	return engine.Spec{
		Process: m.Process.spec(),
		Name:    m.Name, Version: m.Version, Engine: m.Engine, Task: m.Task,
		Endpoint: m.Endpoint, APIKey: m.APIKey, Content: m.ContentType, Deployment: m.DeploymentHeader,
		Timeout: time.Duration(m.Timeout), Retries: m.Retries, Concurrency: m.Concurrency, Options: m.Options,
	}
}

// LogValue keeps the endpoint and its key out of every log.
func (m Model) LogValue() slog.Value {
	return slog.GroupValue(slog.String("name", m.Name), slog.String("version", m.Version), slog.String("engine", m.Engine))
}

// Duration is a time.Duration written as text, such as "30s".
type Duration time.Duration

// MarshalText writes the duration as time.Duration does.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads what time.ParseDuration reads.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	*d = Duration(v)
	return err
}

// Model returns the model with that name.
func (d Definition) Model(name string) (Model, bool) {
	i := slices.IndexFunc(d.Models, func(m Model) bool { return m.Name == name })
	if i < 0 {
		return Model{}, false
	}
	return d.Models[i], true
}

// MapSecrets returns a copy in which f has replaced every endpoint, every API
// key, and the command, the folder and the variables of every process, where
// they are not empty. f gets the name of the model and of the field
// ("endpoint", "api_key", "process.dir", …) beside the value.
func (d Definition) MapSecrets(f func(model, field, value string) (string, error)) (Definition, error) {
	d.Models = slices.Clone(d.Models)
	for i := range d.Models {
		m := &d.Models[i]
		mapped := func(field, value string) (string, error) {
			if value == "" {
				return "", nil
			}
			value, err := f(m.Name, field, value)
			if err != nil {
				return "", fmt.Errorf("%s of model %s: %w", field, m.Name, err)
			}
			return value, nil
		}
		var err error
		if m.Endpoint, err = mapped("endpoint", m.Endpoint); err != nil {
			return Definition{}, err
		}
		if m.APIKey, err = mapped("api_key", m.APIKey); err != nil {
			return Definition{}, err
		}
		if m.Process, err = m.Process.mapSecrets(mapped); err != nil {
			return Definition{}, err
		}
	}
	return d, nil
}

// WithoutSecrets returns a copy that anyone may see: without what MapSecrets
// names.
func (d Definition) WithoutSecrets() Definition {
	d.Models = slices.Clone(d.Models)
	for i := range d.Models {
		d.Models[i].Endpoint, d.Models[i].APIKey, d.Models[i].Process = "", "", nil
	}
	return d
}

// Validate reports everything that is wrong with the definition at once, as
// one fault.Invalid error.
func (d Definition) Validate() error {
	var p problems
	p.check(d.Name != "" && len(d.Name) <= maxNameLength, "its name must have 1 to %d bytes", maxNameLength)
	p.check(len(d.Models) > 0 && len(d.Models) <= maxModels, "it must have 1 to %d models", maxModels)
	p.check(len(d.Steps) > 0 && len(d.Steps) <= maxSteps, "it must have 1 to %d steps", maxSteps)
	names := map[string]bool{}
	for _, m := range d.Models {
		p.check(m.Name != "" && len(m.Name) <= maxNameLength, "the name of a model must have 1 to %d bytes", maxNameLength)
		p.check(!names[m.Name], "model %q is declared twice", m.Name)
		names[m.Name] = true
		p.check(m.Engine != "", "model %q names no engine", m.Name)
		p.check(m.Timeout >= 0 && time.Duration(m.Timeout) <= maxTimeout, "the timeout of model %q must be between 0 and %s", m.Name, maxTimeout)
		p.check(m.Retries >= -1 && m.Retries <= maxRetries, "the retries of model %q must be between -1 and %d", m.Name, maxRetries)
		m.Process.validate(&p, m)
		p.check(m.Concurrency >= 0 && m.Concurrency <= maxConcurrent, "the concurrency of model %q must be between 0 and %d", m.Name, maxConcurrent)
	}
	d.validateSteps(&p, names)
	return p.err(fmt.Sprintf("pipeline %q", d.Name))
}

func (d Definition) validateSteps(p *problems, models map[string]bool) {
	cropped, classified := false, false
	for i, s := range d.Steps {
		needsModel := s.Kind == StepDetect || s.Kind == StepClassify || s.Kind == StepEnsemble
		at := fmt.Sprintf("step %d (%s)", i+1, s.Kind)
		if needsModel {
			p.check(models[s.Model], "%s names the unknown model %q", at, s.Model)
		} else {
			p.check(s.Model == "", "%s takes no model", at)
		}
		p.check(s.Kind == StepEnsemble || len(s.Labels) == 0, "%s takes no labels", at)
		p.check(!s.DropNumber || s.Kind == StepClassify || s.Kind == StepEnsemble, "%s takes no drop_number", at)
		p.check(s.AreaRatio == nil || s.Kind == StepPostProcess, "%s takes no area_ratio", at)
		p.check((i == 0) == (s.Kind == StepDetect), "%s: the first step, and no other, must be detect", at)
		switch s.Kind {
		case StepDetect:
		case StepCrop:
			p.check(!cropped, "%s is there twice", at)
			cropped = true
		case StepClassify:
			p.check(cropped, "%s needs a crop step before it", at)
			classified = true
		case StepEnsemble:
			p.check(cropped && classified, "%s needs a crop and a classify step before it", at)
			p.check(len(s.Labels) > 0 && len(s.Labels) <= maxLabels, "%s must have 1 to %d labels as its condition", at, maxLabels)
		case StepPostProcess:
			p.check(i == len(d.Steps)-1, "%s must be the last one", at)
			p.check(s.AreaRatio == nil || *s.AreaRatio >= 0 && *s.AreaRatio <= 1, "the area_ratio of %s must be between 0 and 1", at)
		default:
			p.check(false, "step %d is of the unknown kind %q", i+1, s.Kind)
		}
	}
}

// problems collects what is wrong with a file or a definition.
type problems struct{ list []string }

// maxProblems bounds the length of an error.
const maxProblems = 30

func (p *problems) check(ok bool, format string, args ...any) {
	if !ok && len(p.list) < maxProblems {
		p.list = append(p.list, fmt.Sprintf(format, args...))
	}
}

func (p *problems) err(what string) error {
	if len(p.list) == 0 {
		return nil
	}
	return fault.New(fault.Invalid, "%s: %s", what, strings.Join(p.list, "; "))
}
