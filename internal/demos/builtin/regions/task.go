package regions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"granary/internal/demos/dataset"
	"granary/internal/platform/fault"
	"granary/internal/platform/worker/guest"
)

const (
	// maxImages bounds the pictures of one task.
	maxImages = 50_000
	// maxProblems bounds the problems that the result lists.
	maxProblems = 100
	// maxInline bounds the annotations that the result repeats, in bytes; the
	// files hold them in any case.
	maxInline = 64 << 20
)

// Tasks returns what the app's worker can do.
func Tasks() map[string]guest.Task {
	return map[string]guest.Task{"extract_objects": extract}
}

// arguments are the worker's.
type arguments struct {
	ExperimentID string          `json:"experiment_id"`
	DatasetUID   string          `json:"dataset_uid"`
	NotifyURL    string          `json:"notify_url"` // the host calls back
	Model        string          `json:"model"`
	Postprocess  json.RawMessage `json:"postprocess"`
}

// link is one entry of results_url. Older front ends take its first member for
// {uid: url}, newer ones read the other two by name: so the order matters.
type link struct{ uid, url string }

// MarshalJSON writes the members in that order.
func (l link) MarshalJSON() ([]byte, error) {
	pairs := [][2]string{{l.uid, l.url}, {"doc_id", l.uid}, {"result_url", l.url}}
	out := []byte{'{'}
	for i, pair := range pairs {
		key, err := json.Marshal(pair[0])
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(pair[1])
		if err != nil {
			return nil, err
		}
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(append(out, key...), ':'), value...)
	}
	return append(out, '}'), nil
}

// output is the result of a task.
type output struct {
	DatasetURL string `json:"dataset_url"`
	// Annotations are those of each file, by UID@@MODEL+EXPERIMENT; nil when
	// they are too long to repeat.
	Annotations map[string]json.RawMessage `json:"annotations,omitempty"`
	ResultsURL  []link                     `json:"results_url"`
	Error       []string                   `json:"error"`
}

// progress is the part of it that tells of one document.
type progress struct {
	DatasetURL  string          `json:"dataset_url"`
	Annotations json.RawMessage `json:"annotations"`
	ResultsURL  []link          `json:"results_url"`
}

// task is one run of extract.
type task struct {
	job   *guest.Job
	model model
	// name is the annotation files', without extension.
	name   string
	widen  Postprocess
	out    output
	inline int
}

// extract is the actor extract_objects.
func extract(ctx context.Context, job *guest.Job) (any, error) {
	var args arguments
	if err := job.Decode(&args); err != nil {
		return nil, err
	}
	stem, found, err := findModel(args.Model)
	if err != nil {
		return nil, err
	}
	widen, err := ParsePostprocess(args.Postprocess)
	if err != nil {
		return nil, err
	}
	if args.ExperimentID == "" || !filepath.IsLocal(args.ExperimentID) || filepath.Base(args.ExperimentID) != args.ExperimentID {
		return nil, fault.New(fault.Invalid, "the experiment_id %.100q cannot name a file", args.ExperimentID)
	}
	view, err := dataset.OpenView(ctx, job.Paths.Data, args.DatasetUID)
	if err != nil {
		return nil, err
	}
	if n := len(view.Images()); n > maxImages {
		return nil, fault.New(fault.TooLarge, "the data set has %d pictures, more than %d", n, maxImages)
	}
	t := &task{job: job, model: found, name: stem + "+" + args.ExperimentID, widen: widen, out: output{
		DatasetURL:  job.BaseURL + "/datasets/dataset/" + args.DatasetUID,
		Annotations: map[string]json.RawMessage{}, ResultsURL: []link{}, Error: []string{},
	}}
	if err := t.run(ctx, view); err != nil {
		return nil, err
	}
	return t.out, t.store(args.ExperimentID)
}

// run goes through the documents.
func (t *task) run(ctx context.Context, view *dataset.View) error {
	for _, text := range view.Problems {
		t.problem(text)
	}
	defer t.job.Done("documents")
	for i, d := range view.Documents {
		t.job.Progress("documents", "Looking through documents", int64(i), int64(len(view.Documents)))
		if err := t.document(ctx, d); err != nil {
			return err
		}
	}
	if len(t.out.ResultsURL) == 0 {
		return fault.New(fault.Invalid, "no picture of the data set could be read")
	}
	return nil
}

// document looks at one document, writes its annotations and reports them.
func (t *task) document(ctx context.Context, d dataset.ViewDocument) error {
	if len(d.Images) == 0 {
		t.problem(fmt.Sprintf("Document %.100s has no images", d.UID))
		return nil
	}
	list, read, err := t.look(ctx, d)
	if err != nil {
		return err
	}
	if read == 0 {
		t.problem(fmt.Sprintf("No image of document %.100s could be read", d.UID))
		return nil
	}
	text, err := json.Marshal(withGaps(list, d.Images))
	if err != nil {
		return fmt.Errorf("encode annotations of document %s: %w", d.UID, err)
	}
	if err := write(filepath.Join(d.Dir, "annotations"), t.name+".json", text); err != nil {
		return fmt.Errorf("write annotations of document %s: %w", d.UID, err)
	}
	entry := link{d.UID, t.job.BaseURL + "/datasets/document/" + d.Type + "/" + url.PathEscape(d.UID) + "/" + url.PathEscape(t.name)}
	t.out.ResultsURL = append(t.out.ResultsURL, entry)
	if t.inline += len(text); t.inline > maxInline {
		if t.out.Annotations != nil {
			t.job.Warn("The annotations are too long to be repeated in the result: read the files")
		}
		t.out.Annotations = nil
	} else {
		t.out.Annotations[d.UID+"@@"+t.name] = text
	}
	return t.job.Event("PROGRESS", progress{t.out.DatasetURL, text, []link{entry}})
}

// store writes the result beside the annotations, for those who ask for it by
// the experiment.
func (t *task) store(experiment string) error {
	text, err := json.Marshal(t.out)
	if err != nil {
		return fmt.Errorf("encode result: %w", err)
	}
	if err := write(t.job.Paths.Results, experiment+".json", text); err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	return nil
}

// write writes a file into a folder, which it makes, and never outside.
func write(dir, name string, data []byte) (err error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	return root.WriteFile(name, data, 0o640)
}

// problem warns of what could not be used.
func (t *task) problem(text string) {
	t.job.Warn(text)
	if len(t.out.Error) < maxProblems {
		t.out.Error = append(t.out.Error, text)
	}
}
