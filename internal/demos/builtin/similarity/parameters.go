package similarity

import (
	"granary/internal/demos/builtin/gallery"
	"granary/internal/demos/plane"
	"granary/internal/platform/fault"
	"granary/internal/platform/worker/guest"
)

// The algorithms.
const (
	cosine  = "cosine"  // whole pictures
	segswap = "segswap" // then their parts
)

// maxMatches bounds the matches of each picture that a task may ask for.
const maxMatches = 1000

// arguments are the worker's.
type arguments struct {
	ExperimentID string `json:"experiment_id"`
	DatasetUID   string `json:"dataset_uid"`
	NotifyURL    string `json:"notify_url"` // the host calls back
	Parameters   struct {
		FeatNet          string   `json:"feat_net"`
		Algorithm        string   `json:"algorithm"`
		TopK             int      `json:"cosine_n_filter"`
		SegswapPrefilter bool     `json:"segswap_prefilter"`
		SegswapN         int      `json:"segswap_n"`
		Transpositions   []string `json:"transpositions"`
		SkipPairs        []string `json:"skip_pairs"`
		ClientID         string   `json:"client_id"` // of no use here
	} `json:"parameters"`
}

// Parameters are what a result document says about how it was made. Clients
// hash this object, so it has exactly these members.
type Parameters struct {
	Algorithm         string   `json:"algorithm"`
	TopK              int      `json:"topk"`
	FeatNet           string   `json:"feat_net"`
	SegswapPrefilter  bool     `json:"segswap_prefilter"`
	SegswapN          int      `json:"segswap_n"`
	RawTranspositions []string `json:"raw_transpositions"`
}

// read decodes and checks the arguments of a job.
func read(job *guest.Job) (arguments, Parameters, []plane.Turn, error) {
	var args arguments
	if err := job.Decode(&args); err != nil {
		return args, Parameters{}, nil, err
	}
	in := args.Parameters
	if in.Transpositions == nil {
		in.Transpositions = []string{string(plane.None)}
	}
	p := Parameters{
		Algorithm: in.Algorithm, TopK: in.TopK, FeatNet: in.FeatNet, SegswapPrefilter: in.SegswapPrefilter,
		SegswapN: in.SegswapN, RawTranspositions: in.Transpositions,
	}
	turns, err := gallery.Turns(in.Transpositions)
	switch {
	case err != nil:
		return args, p, nil, fault.New(fault.Invalid, "%w", err)
	case p.Algorithm != cosine && p.Algorithm != segswap:
		return args, p, nil, fault.New(fault.Invalid, "algorithm %.40q is neither cosine nor segswap", p.Algorithm)
	case p.TopK < 1 || p.TopK > maxMatches || p.SegswapN < 1 || p.SegswapN > maxMatches:
		return args, p, nil, fault.New(fault.Invalid, "cosine_n_filter and segswap_n must be from 1 to %d", maxMatches)
	}
	return args, p, turns, nil
}
