package nachetimport

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"granary/internal/platform/fault"
	"granary/internal/vision"
	"granary/internal/vision/pipeline"
)

// pipelinePlan is what an inference says of the pipeline that made it.
type pipelinePlan struct {
	id     string // the target's, "" when it could not be translated
	name   string
	models []vision.ModelName
}

// importPipelines translates the pipelines of the tables by the same rules as
// a legacy pipeline file and stores those whose id is new.
func (r *run) importPipelines(ctx context.Context, key string) error {
	rows, err := r.from.pipelines(ctx)
	if err != nil {
		return err
	}
	models, err := r.from.models(ctx)
	if err != nil {
		return err
	}
	held, err := r.to.Pipelines(ctx)
	if err != nil {
		return err
	}
	r.tally.found(kindPipelines, len(rows))
	// Of two pipelines of one name the one in use keeps it.
	slices.SortStableFunc(rows, func(a, b pipelineRow) int {
		return cmp.Or(cmp.Compare(order(a), order(b)), cmp.Compare(value(a.ID), value(b.ID)))
	})
	shelf := newPipelineShelf(held, rows)
	for _, row := range rows {
		id, ok := canonicalID(value(row.ID))
		if !ok {
			r.tally.unread(kindPipelines, "its id is not a UUID", value(row.ID))
			continue
		}
		plan, err := r.importPipeline(ctx, shelf, id, row, modelsOf(row, models), key)
		if err != nil {
			return fmt.Errorf("pipeline %s: %w", id, err)
		}
		r.pipelines[id] = plan
	}
	return nil
}

func order(p pipelineRow) int {
	switch {
	case p.Default != nil && *p.Default:
		return 0
	case p.Active == nil || *p.Active:
		return 1
	}
	return 2
}

// pipelineShelf is what the target holds, the pipelines of this run included.
type pipelineShelf struct {
	ids         map[string]bool
	names       map[string]string // to id
	ours        map[string]bool   // ids of the source
	keepDefault bool
}

func newPipelineShelf(held []vision.Pipeline, rows []pipelineRow) *pipelineShelf {
	s := &pipelineShelf{ids: map[string]bool{}, names: map[string]string{}, ours: map[string]bool{}}
	for _, p := range held {
		s.ids[p.ID], s.names[p.Name] = true, p.ID
		// The built-in pipeline is only the default where nobody chose one.
		s.keepDefault = s.keepDefault || p.Default && p.Name != vision.BuiltinPipeline
	}
	for _, row := range rows {
		s.ours[value(row.ID)] = true
	}
	return s
}

func (r *run) importPipeline(ctx context.Context, shelf *pipelineShelf, id string, row pipelineRow,
	models []modelRow, key string,
) (pipelinePlan, error) {
	plan := pipelinePlan{name: strings.ToValidUTF8(value(row.Name), ""), models: []vision.ModelName{}}
	for _, m := range models {
		document, _ := parseDocument(value(m.Document))
		plan.models = append(plan.models, vision.ModelName{Name: value(m.Name), Version: modelVersion(m, document)})
	}
	if shelf.ids[id] {
		plan.id = id
		r.tally.alreadyThere(kindPipelines)
		return plan, nil
	}
	if other, taken := shelf.names[plan.name]; taken && !shelf.ours[other] {
		plan.id = other
		r.tally.alreadyThere(kindPipelines)
		r.tally.changed(kindPipelines, "a pipeline of this name exists, which stays as it is", fmt.Sprintf("%s %q -> %s", id, plan.name, other))
		return plan, nil
	}
	definition, err := translate(row, models, key)
	if err != nil {
		r.tally.unread(kindPipelines, "it cannot be translated; what it said of pictures is kept under its name",
			fmt.Sprintf("%s %q: %s", id, plan.name, fault.Message(err)))
		return plan, nil
	}
	for n := 2; shelf.names[definition.Name] != ""; n++ {
		definition.Name = fmt.Sprintf("%s (%d)", plan.name, n)
	}
	if definition.Name != plan.name {
		r.tally.changed(kindPipelines, "another pipeline of the source has this name", fmt.Sprintf("%s %q -> %q", id, plan.name, definition.Name))
	}
	if definition.Default && shelf.keepDefault {
		definition.Default = false
		r.tally.changed(kindPipelines, "it was the default there; the default here stays", fmt.Sprintf("%s %q", id, plan.name))
	}
	for _, m := range definition.Models {
		if m.Endpoint == "" {
			r.tally.changed(kindPipelines, "one of its models has no endpoint, so it cannot run", fmt.Sprintf("%s %q: %s", id, plan.name, m.Name))
		}
	}
	plan.id, plan.name = id, definition.Name
	shelf.ids[id], shelf.names[definition.Name] = true, id
	r.tally.imported(kindPipelines, 1)
	if r.opts.DryRun {
		return plan, nil
	}
	return plan, r.to.AddPipeline(ctx, id, definition, row.Active == nil || *row.Active)
}

// modelsOf returns a pipeline's models in the order in which its data names
// them; those that it does not name follow.
func modelsOf(row pipelineRow, all []modelRow) []modelRow {
	document, _ := parseDocument(value(row.Document))
	listed, _ := document["models"].([]any)
	place := map[string]int{}
	for i, item := range listed {
		if name, ok := item.(string); ok {
			place[name] = i - len(listed)
		}
	}
	var models []modelRow
	for _, m := range all {
		if value(m.Pipeline) == value(row.ID) && !slices.ContainsFunc(models, func(o modelRow) bool { return value(o.Name) == value(m.Name) }) {
			models = append(models, m)
		}
	}
	slices.SortStableFunc(models, func(a, b modelRow) int {
		return cmp.Compare(place[value(a.Name)], place[value(b.Name)])
	})
	return models
}

func modelVersion(m modelRow, d document) string {
	if version := value(m.Version); version != "" {
		return version
	}
	version, _ := scalar(d["version"]).(string)
	return version
}

var errNoModels = errors.New("no models")

// translate writes the rows in the form of a legacy pipeline file and has it
// read as one. What a row lacks is null there.
func translate(row pipelineRow, models []modelRow, key string) (pipeline.Definition, error) {
	if len(models) == 0 {
		return pipeline.Definition{}, fault.New(fault.Invalid, "it has %w", errNoModels)
	}
	names := make([]string, len(models))
	entries := make([]map[string]any, len(models))
	for i, m := range models {
		d, _ := parseDocument(value(m.Document))
		entry := scalars(d, "endpoint", "api_key", "content_type", "deployment_platform",
			"created_by", "creation_date", "description", "job_name", "dataset")
		entry["model_name"], entry["endpoint_name"] = value(m.Name), value(m.Endpoint)
		entry["task"] = strings.ReplaceAll(strings.ToLower(strings.TrimSpace(value(m.Task))), " ", "-")
		entry["version"], entry["accuracy"] = modelVersion(m, d), accuracy(d)
		names[i], entries[i] = value(m.Name), entry
	}
	d, _ := parseDocument(value(row.Document))
	entry := scalars(d, "created_by", "creation_date", "description", "job_name", "dataset", "version")
	entry["pipeline_name"], entry["models"], entry["accuracy"] = value(row.Name), names, accuracy(d)
	entry["default"] = true // such a file needs one; whether this is it is said below
	file, err := json.Marshal(map[string]any{
		"version": nil, "date": nil, "pipelines": []any{entry}, "models": entries,
	})
	if err != nil {
		return pipeline.Definition{}, fmt.Errorf("write pipeline: %w", err)
	}
	definitions, err := pipeline.Read(file, key)
	if err != nil {
		return pipeline.Definition{}, err
	}
	definition := definitions[0]
	definition.Default = row.Default != nil && *row.Default && (row.Active == nil || *row.Active)
	return definition, nil
}

// scalars picks fields, as text or null.
func scalars(d document, keys ...string) map[string]any {
	picked := map[string]any{}
	for _, key := range keys {
		picked[key] = scalar(d[key])
		if key == "dataset" && picked[key] == nil {
			picked[key] = scalar(d["dataset_description"])
		}
	}
	return picked
}

// scalar returns numbers and truth values as text, other things than texts as
// null: rows were written by hand.
func scalar(v any) any {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return fmt.Sprint(v)
	}
	return nil
}

func accuracy(d document) any {
	for _, key := range []string{"accuracy", "Accuracy"} {
		if f, ok := d.number(key); ok {
			return f
		}
	}
	return nil
}
