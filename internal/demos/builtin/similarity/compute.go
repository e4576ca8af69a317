package similarity

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"granary/internal/demos/builtin/descriptor"
	"granary/internal/demos/builtin/gallery"
	"granary/internal/demos/builtin/keypoint"
	"granary/internal/demos/dataset"
	"granary/internal/demos/plane"
	"granary/internal/platform/fault"
	"granary/internal/platform/worker/guest"
)

const (
	// maxDocuments bounds the documents of a task: 80,200 result files.
	maxDocuments = 400
	// maxInline is the largest document of the whole data set, in bytes, that
	// the result carries besides naming it; newer clients fetch the file.
	maxInline = 64 << 20
)

// Tasks returns what the app's worker can do.
func Tasks() map[string]guest.Task {
	return map[string]guest.Task{"compute_similarity": compute}
}

// result is one entry of results_url.
type result struct {
	DocPair   string `json:"doc_pair"`
	ResultURL string `json:"result_url"`
}

// output is the result of a task, and with one pair of documents what it
// reports on its way.
type output struct {
	DatasetURL  string          `json:"dataset_url"`
	Annotations json.RawMessage `json:"annotations,omitempty"`
	ResultsURL  []result        `json:"results_url"`
	Error       []string        `json:"error"`
}

// progress is an output on the way.
type progress struct {
	DatasetURL string   `json:"dataset_url"`
	ResultsURL []result `json:"results_url"`
}

// task is one run of compute.
type task struct {
	job        *guest.Job
	args       arguments
	parameters Parameters
	turns      []plane.Turn
	turnsOf    [][2]int
	dir        string
	ranking    ranking
	results    []result
	// all are the pairs of the whole data set, by picture.
	all map[int][]pair
}

// compute is the actor compute_similarity.
func compute(ctx context.Context, job *guest.Job) (any, error) {
	t := &task{job: job, all: map[int][]pair{}}
	var err error
	if t.args, t.parameters, t.turns, err = read(job); err != nil {
		return nil, err
	}
	if t.dir, err = folder(job.Paths.Results, t.args.ExperimentID); err != nil {
		return nil, err
	}
	view, err := dataset.OpenView(ctx, job.Paths.Data, t.args.DatasetUID)
	if err != nil {
		return nil, err
	}
	if len(view.Documents) > maxDocuments {
		return nil, fault.New(fault.TooLarge, "%d documents are more than %d", len(view.Documents), maxDocuments)
	}
	if t.parameters.FeatNet != "" {
		job.Info(fmt.Sprintf("Comparing with the built-in descriptor in place of %.100s", t.parameters.FeatNet))
	}
	if err := t.look(ctx, view); err != nil {
		return nil, err
	}
	if err := t.compare(ctx); err != nil {
		return nil, err
	}
	return t.finish()
}

// look describes the pictures and learns the space to compare them in.
func (t *task) look(ctx context.Context, view *dataset.View) (err error) {
	options := gallery.Options{Describer: descriptor.New(false)}
	if t.parameters.Algorithm == segswap {
		options.Finder = keypoint.New()
	}
	r := &t.ranking
	if r.gallery, err = gallery.Look(ctx, t.job, view, options); err != nil {
		return err
	}
	if r.relations, err = descriptor.Relations(t.turns); err != nil {
		return err
	}
	for _, relation := range r.relations {
		t.turnsOf = append(t.turnsOf, [2]int{relation.A, relation.B})
	}
	space, err := options.Describer.Fit(ctx, r.gallery.Raw)
	if err != nil {
		return err
	}
	r.posed, err = gallery.Vectors(ctx, options.Describer, space, r.gallery.Raw, gallery.PosesOf(r.relations))
	if err != nil {
		return err
	}
	r.upright = r.posed[0] // the first relation is that of two unturned pictures
	return nil
}

// compare goes through the pairs of documents.
func (t *task) compare(ctx context.Context) error {
	parts := t.ranking.gallery.Parts
	skipped := map[string]bool{}
	for _, name := range t.args.Parameters.SkipPairs {
		skipped[name] = true
	}
	total := int64(len(parts) * (len(parts) + 1) / 2)
	defer t.job.Done("pairs")
	var done int64
	for i, a := range parts {
		for _, b := range parts[i:] {
			t.job.Progress("pairs", "Comparing documents", done, total)
			done++
			if skipped[a.UID+"-"+b.UID] || skipped[b.UID+"-"+a.UID] {
				continue
			}
			if err := t.documents(ctx, a, b); err != nil {
				return err
			}
		}
	}
	return nil
}

// documents compares two documents, writes what was found and reports it.
func (t *task) documents(ctx context.Context, a, b gallery.Part) error {
	name := a.UID + "-" + b.UID
	pairs, err := t.pairs(ctx, a, b)
	if err != nil {
		return err
	}
	if len(pairs) == 0 { // one document of one picture
		return nil
	}
	for _, p := range pairs {
		t.keep(p.A, p)
		t.keep(p.B, p)
	}
	file := fileName(t.parameters.Algorithm + "-" + name)
	if err := t.document(pairs).write(filepath.Join(t.dir, file+".json")); err != nil {
		return err
	}
	entry := result{DocPair: name, ResultURL: resultURL(t.job.BaseURL, t.args.ExperimentID, file)}
	t.results = append(t.results, entry)
	return t.job.Event("PROGRESS", progress{DatasetURL: t.datasetURL(), ResultsURL: []result{entry}})
}

// pairs returns the pairs of two documents that are kept.
func (t *task) pairs(ctx context.Context, a, b gallery.Part) ([]pair, error) {
	if t.parameters.Algorithm == cosine {
		return t.ranking.between(ctx, a, b, t.parameters.TopK)
	}
	n := t.parameters.SegswapN
	var pairs []pair
	var err error
	if t.parameters.SegswapPrefilter {
		pairs, err = t.ranking.between(ctx, a, b, n)
	} else {
		pairs, err = every(a, b)
	}
	if err != nil {
		return nil, err
	}
	title := fmt.Sprintf("Comparing parts of %.80s and %.80s", a.UID, b.UID)
	defer t.job.Done("segswap")
	return t.ranking.reviewed(ctx, pairs, n, func(done int) {
		t.job.Progress("segswap", title, int64(done), int64(len(pairs)))
	})
}

// kept is the number of pairs that a picture keeps over all documents.
func (t *task) kept() int {
	if t.parameters.Algorithm == segswap {
		return t.parameters.SegswapN
	}
	return t.parameters.TopK
}

// keep adds a pair to those of a picture, and forgets the worst from time to
// time: a data set of many documents has more pairs than anybody looks at.
func (t *task) keep(picture int, p pair) {
	t.all[picture] = append(t.all[picture], p)
	if len(t.all[picture]) > 4*t.kept() {
		t.all[picture] = top(t.all[picture], t.kept())
	}
}

func top(list []pair, n int) []pair {
	slices.SortStableFunc(list, func(a, b pair) int {
		if a.Score > b.Score {
			return -1
		}
		if a.Score < b.Score {
			return 1
		}
		return 0
	})
	return list[:min(n, len(list))]
}

func (t *task) document(pairs []pair) *document {
	decimals := 3
	if t.parameters.Algorithm == segswap {
		decimals = 2
	}
	return &document{
		parameters: t.parameters, gallery: t.ranking.gallery, turns: t.turns, turnsOf: t.turnsOf, pairs: pairs, decimals: decimals,
	}
}

func (t *task) datasetURL() string { return t.job.BaseURL + "/datasets/dataset/" + t.args.DatasetUID }

// finish writes the document of the whole data set and returns the output.
func (t *task) finish() (any, error) {
	var pairs []pair
	for _, picture := range slices.Sorted(maps.Keys(t.all)) {
		pairs = append(pairs, top(t.all[picture], t.kept())...)
	}
	file := fileName(t.args.DatasetUID + "-scores")
	path := filepath.Join(t.dir, file+".json")
	if err := t.document(distinct(pairs)).write(path); err != nil {
		return nil, err
	}
	out := output{DatasetURL: t.datasetURL(), Error: append([]string{}, t.ranking.gallery.Problems...)}
	out.ResultsURL = append(append([]result{}, t.results...), result{
		DocPair: "dataset", ResultURL: resultURL(t.job.BaseURL, t.args.ExperimentID, file),
	})
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read results: %w", err)
	}
	if info.Size() > maxInline {
		t.job.Warn(fmt.Sprintf("The result has %d MB and is not sent inline; it is at %s", info.Size()>>20, out.ResultsURL[len(out.ResultsURL)-1].ResultURL))
		return out, nil
	}
	if out.Annotations, err = os.ReadFile(path); err != nil {
		return nil, fmt.Errorf("read results: %w", err)
	}
	return out, nil
}
