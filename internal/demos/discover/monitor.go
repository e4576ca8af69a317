package discover

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"granary/internal/demos"
	"granary/internal/demos/manifest"
	"granary/internal/platform/fault"
)

// queue is the depth of one queue: size counts waiting and running tasks.
type queue struct {
	Name       string `json:"name"`
	Size       int64  `json:"size"`
	Processing int64  `json:"processing"`
}

func (d *Door) queues(r *http.Request) (map[string]queue, error) {
	depths, err := d.demos.Queues(r.Context())
	if err != nil {
		return nil, err
	}
	queues := make(map[string]queue, len(depths))
	for _, depth := range depths {
		queues[depth.Name] = queue{depth.Name, depth.Waiting + depth.Running, depth.Running}
	}
	return queues, nil
}

func (d *Door) queueSizes(r *http.Request) (any, error) {
	queues, err := d.queues(r)
	return map[string]any{"queues": queues}, err
}

func (d *Door) monitor(r *http.Request, app *demos.App) (any, error) {
	queues, err := d.queues(r)
	if err != nil {
		return nil, err
	}
	size, err := d.demos.Size(r.Context(), app)
	return map[string]any{"total_size": size, "queues": queues}, err
}

// defaultDays is the age of what a clear request removes when it does not say.
const defaultDays = 30

func (d *Door) clear(r *http.Request, app *demos.App, e *manifest.Endpoint) (any, error) {
	days := defaultDays
	if env, err := readForm(r.Body); err == nil {
		if n, err := strconv.Atoi(strings.TrimSpace(text(env.fields["days_before"]))); err == nil && n >= 1 && n < 100_000 {
			days = n
		}
	}
	cleared, err := d.demos.Clear(r.Context(), app, days)
	return counters(e, cleared), err
}

func (d *Door) clearOne(r *http.Request, app *demos.App, e *manifest.Endpoint) (any, error) {
	cleared, err := d.demos.ClearOne(r.Context(), app, e, r.PathValue("id"))
	return counters(e, cleared), err
}

func counters(e *manifest.Endpoint, cleared demos.Cleared) map[string]int {
	answer := make(map[string]int, len(e.Clear))
	for name, what := range e.Clear {
		answer[name] = cleared.Counter(what)
	}
	return answer
}

// clearRegions answers as ever; the folder that it once cleared is gone.
func (d *Door) clearRegions(r *http.Request) (any, error) {
	env, err := readForm(r.Body)
	if err != nil {
		return nil, err
	}
	if _, ok := env.fields["dataset_id"]; !ok {
		return nil, fault.New(fault.Invalid, "dataset_id is missing")
	}
	return map[string]int{"cleared_img_dir": 0}, nil
}

func (d *Door) deprecated(*http.Request) (any, error) {
	return map[string]string{"Error": "Deprecated route, to be removed"}, nil
}

func (d *Door) clearIndex(r *http.Request, app *demos.App) (any, error) {
	found, cleared, err := d.demos.ClearIndex(r.Context(), app, r.PathValue("id"), r.URL.Query().Get("index_id"))
	switch {
	case err != nil:
		return nil, err
	case !found:
		return map[string]string{"error": "Experiment not found"}, nil
	case !cleared:
		return map[string]string{"error": "Index was not created by this experiment"}, nil
	}
	return map[string]int{"cleared_index": 1, "cleared_experiment": 1}, nil
}

// delete answers in the counters of the app's rule. An unknown document is no
// error of HTTP: clients delete what may be gone.
func (d *Door) delete(r *http.Request, app *demos.App, e *manifest.Endpoint) (any, error) {
	query := r.URL.Query()
	model := strings.TrimSuffix(strings.TrimSuffix(query.Get("model_name"), ".pth"), ".pt")
	var filters []string
	if algorithm := query.Get("algorithm"); algorithm != "" {
		filters = append(filters, algorithm)
	}
	deleted, err := d.demos.Delete(r.Context(), app, e, r.PathValue("doc"), model, filters)
	if fault.Is(err, fault.NotFound) {
		return map[string]string{"error": fault.Message(err)}, nil
	}
	if err != nil {
		return nil, err
	}
	switch {
	case e.Delete == manifest.DeleteAnnotations && model != "":
		return map[string]int{"cleared_annotations": deleted.Annotations}, nil
	case e.Delete == manifest.DeleteAnnotations:
		return map[string]int{"cleared_document": deleted.Documents}, nil
	case e.Delete == manifest.DeletePairs:
		return map[string]int{
			"cleared_images": deleted.Images, "cleared_results": deleted.Results,
			"cleared_result_directories": 0, "cleared_features": 0, // published files lie in no folder, and features go with their job
		}, nil
	}
	return map[string]int{"cleared_images": deleted.Images, "cleared_results": deleted.Results}, nil
}

// models answers an object in the order shown.
func (d *Door) models(app *demos.App, e *manifest.Endpoint) (any, error) {
	models, err := d.demos.Models(app, e)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	out.WriteByte('{')
	for i, model := range models {
		entry, err := json.Marshal(model)
		if err != nil {
			return nil, fmt.Errorf("encode model: %w", err)
		}
		if i > 0 {
			out.WriteByte(',')
		}
		fmt.Fprintf(&out, "%s:%s", asText(model.Stem), entry)
	}
	out.WriteByte('}')
	return json.RawMessage(out.Bytes()), nil
}
