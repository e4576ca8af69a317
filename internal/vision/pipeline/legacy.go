package pipeline

import (
	"encoding/json"
	"fmt"
	"slices"

	"granary/internal/platform/fault"
	"granary/internal/vision/engine"
)

// noDefault is the text that the original insertion tool prints.
const noDefault = "no pipeline was set as default, please set one by setting the default value as True"

// legacyObject reads the fields of one mapping of a legacy file. Every field
// must be there; null stands for the empty value.
type legacyObject struct {
	at     string
	fields map[string]json.RawMessage
	*problems
}

// find returns the first of several spellings of a field.
func (o legacyObject) find(names ...string) (json.RawMessage, bool) {
	for _, name := range names {
		if raw, ok := o.fields[name]; ok {
			return raw, true
		}
	}
	o.check(false, "%s has no %s", o.at, names[0])
	return nil, false
}

// read decodes a field into a pointer.
func (o legacyObject) read(into any, what string, names ...string) {
	raw, ok := o.find(names...)
	if !ok {
		return
	}
	err := json.Unmarshal(raw, into)
	o.check(err == nil, "the %s of %s must be %s", names[0], o.at, what)
}

func (o legacyObject) text(names ...string) (s string) {
	o.read(&s, "text", names...)
	return s
}

func (o legacyObject) number(names ...string) (f float64) {
	o.read(&f, "a number", names...)
	return f
}

// version accepts numbers, as pipelines have them, and text.
func (o legacyObject) version() string {
	raw, ok := o.find("version")
	if !ok || string(raw) == "null" {
		return ""
	}
	var number json.Number
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	err := json.Unmarshal(raw, &number)
	o.check(err == nil, "the version of %s must be a number or text", o.at)
	return number.String()
}

// readLegacy reads the form of the nachet specification, section 4.1, and
// translates it.
func readLegacy(text json.RawMessage, key string) ([]Definition, error) {
	var p problems
	top := legacyObject{at: "the file", problems: &p}
	if err := json.Unmarshal(text, &top.fields); err != nil {
		return nil, fault.New(fault.Invalid, "the pipeline file must be a mapping")
	}
	var rawPipelines, rawModels []map[string]json.RawMessage
	top.version()
	top.text("date")
	top.read(&rawPipelines, "a list of mappings", "pipelines")
	top.read(&rawModels, "a list of mappings", "models")
	models := map[string]Model{}
	for i, fields := range rawModels[:min(len(rawModels), maxPipelines*maxModels)] {
		m := legacyModel(legacyObject{fmt.Sprintf("model %d", i+1), fields, &p})
		_, twice := models[m.Name]
		p.check(!twice, "model %q is there twice", m.Name)
		models[m.Name] = m
	}
	var definitions []Definition
	hasDefault := false
	for i, fields := range rawPipelines[:min(len(rawPipelines), maxPipelines+1)] {
		d := legacyPipeline(legacyObject{fmt.Sprintf("pipeline %d", i+1), fields, &p}, models)
		hasDefault = hasDefault || d.Default
		definitions = append(definitions, d)
	}
	if err := p.err("the pipeline file"); err != nil {
		return nil, err
	}
	if !hasDefault {
		return nil, fault.New(fault.Invalid, noDefault)
	}
	return finish(definitions, key)
}

func legacyModel(o legacyObject) Model {
	return Model{
		Name: o.text("model_name"), Version: o.version(), Engine: "azureml",
		Task:     engine.Task(o.text("task")),
		Endpoint: o.text("endpoint"), APIKey: o.text("api_key"),
		ContentType: o.text("content_type"), DeploymentHeader: o.text("deployment_platform"),
		EndpointName: o.text("endpoint_name"), Description: o.text("description"),
		CreatedBy: o.text("created_by"), CreationDate: o.text("creation_date"),
		JobName: o.text("job_name"), Dataset: o.text("dataset", "dataset_description"),
		Accuracy: o.number("accuracy", "Accuracy"),
	}
}

func legacyPipeline(o legacyObject, models map[string]Model) Definition {
	var names []string
	o.read(&names, "a list of model names", "models")
	d := Definition{
		Name: o.text("pipeline_name"), Version: o.version(), Description: o.text("description"),
		CreatedBy: o.text("created_by"), CreationDate: o.text("creation_date"),
		JobName: o.text("job_name"), Dataset: o.text("dataset", "dataset_description"),
		Accuracy: o.number("accuracy", "Accuracy"),
	}
	o.read(&d.Default, "true or false", "default")
	o.check(len(names) > 0, "%s has no models", o.at)
	for _, name := range names[:min(len(names), maxModels+1)] {
		m, ok := models[name]
		o.check(ok, "%s names the unknown model %q", o.at, name)
		if _, twice := d.Model(name); ok && !twice {
			d.Models = append(d.Models, m)
		}
	}
	d.Steps = legacySteps(o, d.Models)
	return d
}

// role is what a model does in a legacy pipeline.
type role int

const (
	unknownRole role = iota
	detectorRole
	classifierRole
	ensembleARole
	ensembleBRole
	completeRole
)

// roleOf chooses by the model's name, then by its endpoint's name as the first
// generation did, then by its task and place (specification, section 4.2).
func roleOf(m Model, first, alone bool) role {
	for _, name := range []string{m.Name, m.EndpointName} {
		switch name {
		case "seed-detector-1", "seed-detector-rcnn-1", "local-seed-detector-rcnn", "seed-detector":
			return detectorRole
		case "swinv1-base-dataaugv2-1", "swinv1-base-dataaugv2-2", "swin-22-spp", "local-swin-15-spp", "local-swin-22-spp", "swin-endpoint":
			return classifierRole
		case "swin-27-spp", "local-swin-27-spp":
			return ensembleARole
		case "swin-15e-spp", "local-swin-15e-spp":
			return ensembleBRole
		case "m-14of15seeds-6seedsmag", "nachet-6seeds":
			return completeRole
		}
	}
	switch {
	case (m.Task == engine.ObjectDetection || m.Task == engine.Segmentation) && alone:
		return completeRole
	case (m.Task == engine.ObjectDetection || m.Task == engine.Segmentation) && first:
		return detectorRole
	case m.Task == engine.Classification && !first:
		return classifierRole
	}
	return unknownRole
}

// ensembleLabels is the condition of ensemble B.
func ensembleLabels() []string {
	return []string{"012 Ambrosia artemisiifolia", "013 Ambrosia trifida", "014 Ambrosia psilostachya"}
}

// legacySteps writes down what the original does by name.
func legacySteps(o legacyObject, models []Model) []Step {
	var steps []Step
	for i, m := range models {
		var step Step
		switch roleOf(m, i == 0, len(models) == 1) {
		case detectorRole, completeRole:
			step = Step{Kind: StepDetect, Model: m.Name}
		case classifierRole:
			step = Step{Kind: StepClassify, Model: m.Name, DropNumber: true}
		case ensembleARole:
			step = Step{Kind: StepClassify, Model: m.Name}
		case ensembleBRole:
			step = Step{Kind: StepEnsemble, Model: m.Name, Labels: ensembleLabels()}
		case unknownRole:
			o.check(false, "%s: the task %q does not say what model %q does as number %d of %d", o.at, m.Task, m.Name, i+1, len(models))
			continue
		}
		if step.Kind != StepDetect && !slices.ContainsFunc(steps, func(s Step) bool { return s.Kind == StepCrop }) {
			steps = append(steps, Step{Kind: StepCrop})
		}
		steps = append(steps, step)
	}
	return steps
}
