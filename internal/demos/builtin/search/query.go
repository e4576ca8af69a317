package search

import (
	"context"
	"math"

	"granary/internal/demos/builtin/descriptor"
	"granary/internal/demos/builtin/gallery"
	"granary/internal/demos/dataset"
	"granary/internal/demos/plane"
	"granary/internal/platform/fault"
	"granary/internal/platform/worker/guest"
)

const (
	// maxMatches bounds the matches of each picture that a query may ask for,
	// usualMatches is what one gets that does not ask.
	maxMatches, usualMatches = 1000, 10
)

// answers is the result document of a query.
type answers struct {
	Query gallery.Index `json:"query"`
	// Pairs are place in the index, place in the query, score, and the turns
	// of both as places in the transpositions of index and query.
	Pairs [][5]float64 `json:"pairs"`
}

// queryIndex is the actor query_index.
func queryIndex(ctx context.Context, job *guest.Job) (any, error) {
	var args struct {
		ExperimentID string `json:"experiment_id"`
		DatasetUID   string `json:"dataset_uid"`
		NotifyURL    string `json:"notify_url"`
		Parameters   struct {
			IndexID        string   `json:"index_id"`
			Transpositions []string `json:"transpositions"`
			TopK           int      `json:"cosine_n_filter"`
		} `json:"parameters"`
	}
	if err := job.Decode(&args); err != nil {
		return nil, err
	}
	k := args.Parameters.TopK
	if k == 0 {
		k = usualMatches
	}
	turns, err := gallery.Turns(args.Parameters.Transpositions)
	switch {
	case err != nil:
		return nil, fault.New(fault.Invalid, "%w", err)
	case k < 1 || k > maxMatches:
		return nil, fault.New(fault.Invalid, "cosine_n_filter must be from 1 to %d", maxMatches)
	}
	collection, made, err := readIndex(appFolder(job), args.Parameters.IndexID)
	if err != nil {
		return nil, err
	}
	view, err := dataset.OpenView(ctx, job.Paths.Data, args.DatasetUID)
	if err != nil {
		return nil, err
	}
	describer := descriptor.New(made.Sketches)
	pictures, err := gallery.Look(ctx, job, view, gallery.Options{Describer: describer})
	if err != nil {
		return nil, err
	}
	relations := descriptor.RelationsBetween(poses(made.Index.Transpositions), poses(turns))
	found, err := collection.Find(ctx, describer, pictures.Raw, relations, k)
	if err != nil {
		return nil, err
	}
	result := answers{Query: pictures.Index(turns, pictures.Numbers()), Pairs: [][5]float64{}}
	for i, matches := range found {
		for _, m := range matches {
			relation := relations[m.Relation]
			score := math.Round(min(max(float64(m.Score), 0), 1)*1000) / 1000
			result.Pairs = append(result.Pairs, [5]float64{float64(m.Index), float64(i), score, float64(relation.A), float64(relation.B)})
		}
	}
	if err := writeResult(job, "query", args.ExperimentID, result); err != nil {
		return nil, err
	}
	return newOutput(job, "query", args.ExperimentID, args.DatasetUID, args.Parameters.IndexID, pictures.Problems), nil
}

func poses(turns []plane.Turn) []descriptor.Pose {
	out := make([]descriptor.Pose, len(turns))
	for i, turn := range turns {
		out[i] = descriptor.PoseOf(turn)
	}
	return out
}
