package vectorization

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"

	"granary/internal/demos/dataset"
	"granary/internal/platform/fault"
	"granary/internal/platform/worker/guest"
)

const (
	// maxImages bounds the pictures of one task.
	maxImages = 50_000
	// maxProblems bounds the problems that the result lists.
	maxProblems = 100
)

// Tasks returns what the app's worker can do.
func Tasks() map[string]guest.Task {
	return map[string]guest.Task{"compute_vectorization": compute}
}

// arguments are the worker's.
type arguments struct {
	ExperimentID string `json:"experiment_id"` // results lie by document
	DatasetUID   string `json:"dataset_uid"`
	NotifyURL    string `json:"notify_url"` // the host calls back
	Model        string `json:"model"`
}

// result is one entry of results_url.
type result struct {
	DocID     string `json:"doc_id"`
	ResultURL string `json:"result_url"`
}

// output is the result of a task, and with one document what it reports on
// its way.
type output struct {
	DatasetURL string   `json:"dataset_url"`
	ResultsURL []result `json:"results_url"`
	Error      []string `json:"error"`
}

// failure is what is told of a document that gave nothing.
type failure struct {
	Error     string `json:"error"`
	Completed bool   `json:"completed"`
}

// task is one run of compute.
type task struct {
	job     *guest.Job
	results *os.Root
	out     output
}

// compute is the actor compute_vectorization.
func compute(ctx context.Context, job *guest.Job) (_ any, err error) {
	var args arguments
	if err := job.Decode(&args); err != nil {
		return nil, err
	}
	// Crops are no concern of this app: whole pictures are traced.
	base, _, _ := strings.Cut(args.DatasetUID, "@")
	view, err := dataset.OpenView(ctx, job.Paths.Data, base)
	if err != nil {
		return nil, err
	}
	if n := len(view.Images()); n > maxImages {
		return nil, fault.New(fault.TooLarge, "the data set has %d pictures, more than %d", n, maxImages)
	}
	if err := os.MkdirAll(job.Paths.Results, 0o750); err != nil {
		return nil, fmt.Errorf("make results folder: %w", err)
	}
	results, err := os.OpenRoot(job.Paths.Results)
	if err != nil {
		return nil, fmt.Errorf("open results folder: %w", err)
	}
	defer results.Close()
	if args.Model != "" {
		job.Info(fmt.Sprintf("Tracing with the built-in tracer in place of %.100s", args.Model))
	}
	t := &task{job: job, results: results, out: output{
		DatasetURL: job.BaseURL + "/datasets/dataset/" + args.DatasetUID, ResultsURL: []result{}, Error: []string{},
	}}
	return t.run(ctx, view)
}

// run goes through the documents.
func (t *task) run(ctx context.Context, view *dataset.View) (any, error) {
	for _, text := range view.Problems {
		t.problem(text)
	}
	total := int64(len(view.Documents))
	defer t.job.Done("documents")
	for i, d := range view.Documents {
		t.job.Progress("documents", "Vectorizing documents", int64(i), total)
		if err := t.document(ctx, d); err != nil {
			return nil, err
		}
	}
	if len(t.out.ResultsURL) == 0 {
		return nil, fault.New(fault.Invalid, "no picture of the data set could be vectorized")
	}
	return t.out, nil
}

// document traces one document and reports it.
func (t *task) document(ctx context.Context, d dataset.ViewDocument) error {
	if len(d.Images) == 0 {
		return t.without(fmt.Sprintf("Document %.100s has no images", d.UID))
	}
	done, err := t.trace(ctx, d)
	if err != nil {
		return err
	}
	if done == 0 {
		return t.without(fmt.Sprintf("No image of document %.100s could be vectorized", d.UID))
	}
	entry := result{DocID: d.UID, ResultURL: t.job.BaseURL + "/vectorization/" + url.PathEscape(d.UID) + "/result"}
	t.out.ResultsURL = append(t.out.ResultsURL, entry)
	return t.job.Event("PROGRESS", output{DatasetURL: t.out.DatasetURL, ResultsURL: []result{entry}, Error: []string{}})
}

// without tells of a document that gave nothing; the task goes on.
func (t *task) without(text string) error {
	t.problem(text)
	return t.job.Event("ERROR", failure{Error: text})
}

// problem warns of what could not be used.
func (t *task) problem(text string) {
	t.job.Warn(text)
	if len(t.out.Error) < maxProblems {
		t.out.Error = append(t.out.Error, text)
	}
}
