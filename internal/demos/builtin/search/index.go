package search

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"granary/internal/demos/builtin/descriptor"
	"granary/internal/demos/builtin/gallery"
	"granary/internal/demos/dataset"
	"granary/internal/demos/plane"
	"granary/internal/platform/fault"
	"granary/internal/platform/worker/guest"
)

// Tasks returns what the app's worker can do.
func Tasks() map[string]guest.Task {
	return map[string]guest.Task{"index_dataset": indexDataset, "query_index": queryIndex}
}

// metadata tells indices apart.
type metadata struct {
	DatasetUID     string       `json:"dataset_uid"`
	IndexID        string       `json:"index_id"`
	FeatNet        string       `json:"feat_net"`
	Transpositions []plane.Turn `json:"transpositions"`
	FromExperiment string       `json:"from_experiment"`
}

// catalogue is the result document of indexing, and what an index file keeps
// besides vectors.
type catalogue struct {
	Metadata metadata      `json:"metadata"`
	Index    gallery.Index `json:"index"`
	// Sketches says that the vectors are of edges alone.
	Sketches bool `json:"sketches,omitempty"`
}

// output is the result of both tasks.
type output struct {
	DatasetURL string `json:"dataset_url"`
	ResultsURL string `json:"results_url"`
	Metadata   struct {
		IndexID string `json:"index_id"`
	} `json:"metadata"`
	Error []string `json:"error"`
}

// indexDataset is the actor index_dataset.
func indexDataset(ctx context.Context, job *guest.Job) (any, error) {
	var args struct {
		ExperimentID string `json:"experiment_id"`
		DatasetUID   string `json:"dataset_uid"`
		NotifyURL    string `json:"notify_url"`
		Parameters   struct {
			FeatNet        string   `json:"feat_net"`
			Transpositions []string `json:"transpositions"`
			AreSketches    bool     `json:"are_sketches"`
		} `json:"parameters"`
	}
	if err := job.Decode(&args); err != nil {
		return nil, err
	}
	turns, err := gallery.Turns(args.Parameters.Transpositions)
	if err != nil {
		return nil, fault.New(fault.Invalid, "%w", err)
	}
	view, err := dataset.OpenView(ctx, job.Paths.Data, args.DatasetUID)
	if err != nil {
		return nil, err
	}
	if args.Parameters.FeatNet != "" {
		job.Info(fmt.Sprintf("Indexing with the built-in descriptor in place of %.100s", args.Parameters.FeatNet))
	}
	options := gallery.Options{Describer: descriptor.New(args.Parameters.AreSketches)}
	pictures, err := gallery.Look(ctx, job, view, options)
	if err != nil {
		return nil, err
	}
	made := catalogue{
		Metadata: metadata{
			DatasetUID: args.DatasetUID, IndexID: indexID(args.DatasetUID, args.Parameters.FeatNet, turns, args.Parameters.AreSketches),
			FeatNet: args.Parameters.FeatNet, Transpositions: turns, FromExperiment: args.ExperimentID,
		},
		Index: pictures.Index(turns, pictures.Numbers()), Sketches: args.Parameters.AreSketches,
	}
	collection, err := gallery.Collect(ctx, options.Describer, pictures.Raw)
	if err != nil {
		return nil, err
	}
	if err := writeIndex(appFolder(job), collection, made); err != nil {
		return nil, err
	}
	if err := writeResult(job, "indexing", args.ExperimentID, made); err != nil {
		return nil, err
	}
	return newOutput(job, "indexing", args.ExperimentID, args.DatasetUID, made.Metadata.IndexID, pictures.Problems), nil
}

// maxFeatNet is how much of a model's name goes into an index's.
const maxFeatNet = 60

// indexID names an index, and its file, by what it was made from and how.
func indexID(datasetUID, featNet string, turns []plane.Turn, sketches bool) string {
	safe := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("._-", r):
			return r
		}
		return '_'
	}, featNet)
	codes := map[plane.Turn]string{plane.None: "n", plane.HFlip: "h", plane.VFlip: "v", plane.Rot90: "1", plane.Rot180: "2", plane.Rot270: "3"}
	var code string
	for _, turn := range turns {
		code += codes[turn]
	}
	if sketches {
		code += "s"
	}
	return datasetUID + "+" + safe[:min(len(safe), maxFeatNet)] + "+" + code
}

// appFolder is the app's folder below the data folder.
func appFolder(job *guest.Job) string { return filepath.Dir(job.Paths.Results) }

// indexFile is where the index of an id lies.
func indexFile(app, id string) (string, error) {
	if id == "" || len(id) > 255 || strings.ContainsAny(id, "/\\\x00") || strings.HasPrefix(id, ".") {
		return "", fault.New(fault.Invalid, "%.100q is no id of an index", id)
	}
	return filepath.Join(app, "index", id), nil
}

func writeIndex(app string, collection *descriptor.Collection, made catalogue) (err error) {
	name, err := indexFile(app, made.Metadata.IndexID)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
		return fmt.Errorf("make index folder: %w", err)
	}
	// The name may be a link to an earlier index, which others read.
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("replace index: %w", err)
	}
	file, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("write index: %w", err)
	}
	return errors.Join(collection.Write(file, made), file.Close())
}

func readIndex(app, id string) (*descriptor.Collection, catalogue, error) {
	var made catalogue
	name, err := indexFile(app, id)
	if err != nil {
		return nil, made, err
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, made, fault.New(fault.NotFound, "there is no index %.250s", id)
	}
	defer file.Close()
	collection, err := descriptor.Read(file, &made)
	if err != nil {
		return nil, made, fmt.Errorf("read index %.250s: %w", id, err)
	}
	if len(made.Index.Images) != collection.Rows.Len() || !slices.Contains(made.Index.Transpositions, plane.None) {
		return nil, made, fault.New(fault.Invalid, "the index %.250s is damaged", id)
	}
	return collection, made, nil
}

// writeResult writes a result document, kind/EID.json below the app's folder.
func writeResult(job *guest.Job, kind, experiment string, document any) error {
	if experiment == "" || strings.ContainsAny(experiment, "/\\\x00") || strings.HasPrefix(experiment, ".") {
		return fault.New(fault.Invalid, "the experiment id %.100q cannot name a file", experiment)
	}
	text, err := json.Marshal(document)
	if err != nil {
		return fmt.Errorf("encode result: %w", err)
	}
	dir := filepath.Join(appFolder(job), kind)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("make results folder: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, experiment+".json"), text, 0o600); err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	return nil
}

func newOutput(job *guest.Job, kind, experiment, datasetUID, indexID string, problems []string) output {
	out := output{
		DatasetURL: job.BaseURL + "/datasets/dataset/" + datasetUID,
		ResultsURL: job.BaseURL + "/search/" + kind + "/" + experiment + "/result", Error: append([]string{}, problems...),
	}
	out.Metadata.IndexID = indexID
	return out
}
