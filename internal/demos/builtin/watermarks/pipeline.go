package watermarks

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"

	"granary/internal/demos/builtin/descriptor"
	"granary/internal/demos/dataset"
	"granary/internal/demos/plane"
	"granary/internal/platform/fault"
	"granary/internal/platform/worker/guest"
)

// maxMatches is how many marks are named for each box.
const maxMatches = 20

// Tasks returns what the app's worker can do.
func Tasks() map[string]guest.Task {
	return map[string]guest.Task{"pipeline": pipeline}
}

// queryFlips are the turns under which a mark on the photograph is tried: a
// sheet may be photographed any way up. Whether it is seen from behind, the
// collection's own flips say.
func queryFlips() []plane.Turn {
	return []plane.Turn{plane.None, plane.Rot90, plane.Rot180, plane.Rot270}
}

// output is the result of a task and its result document.
type output struct {
	Detection  *detection    `json:"detection,omitempty"`
	Matches    [][]match     `json:"matches,omitempty"`
	QueryFlips []*plane.Turn `json:"query_flips,omitempty"`
}

// detection lists boxes, x0, y0, x1, y1 as parts of the picture, surest first.
type detection struct {
	Boxes  [][4]float64 `json:"boxes"`
	Scores []float64    `json:"scores"`
}

// match is a mark of the collection. The flips are places in the collection's
// flips and in query_flips.
type match struct {
	Similarity     float64 `json:"similarity"`
	BestSourceFlip int     `json:"best_source_flip"`
	BestQueryFlip  int     `json:"best_query_flip"`
	QueryIndex     int     `json:"query_index"`
	SourceIndex    int     `json:"source_index"`
}

// arguments are the worker's.
type arguments struct {
	ExperimentID string `json:"experiment_id"`
	NotifyURL    string `json:"notify_url"`
	ImagePath    string `json:"image_path"`
	Detect       bool   `json:"detect"`
	CompareTo    string `json:"compare_to"`
}

// pipeline is the actor pipeline.
func pipeline(ctx context.Context, job *guest.Job) (any, error) {
	var args arguments
	if err := job.Decode(&args); err != nil {
		return nil, err
	}
	picture, err := open(job.Paths.Data, args.ImagePath)
	if err != nil {
		return nil, err
	}
	var out output
	queries := []plane.Gray{picture}
	if args.Detect {
		job.Info("Looking for watermarks")
		queries = out.detect(picture)
	}
	if args.CompareTo != "" {
		if err := out.match(ctx, job, args.CompareTo, queries); err != nil {
			return nil, err
		}
	}
	return out, write(job, out)
}

// open decodes the uploaded picture, which lies within the data folder.
func open(data, name string) (plane.Gray, error) {
	if !filepath.IsAbs(name) {
		name = filepath.Join(data, name)
	}
	within, err := filepath.Rel(data, name)
	if err != nil || !filepath.IsLocal(within) {
		return plane.Gray{}, fault.New(fault.Invalid, "the picture is not within the job's folder")
	}
	pixels, err := dataset.Image{ID: filepath.Base(name), File: name}.Decode()
	if err != nil {
		return plane.Gray{}, err
	}
	return plane.From(pixels), nil
}

// detect finds the marks and returns them with some paper around.
func (o *output) detect(picture plane.Gray) []plane.Gray {
	var queries []plane.Gray
	o.Detection = &detection{}
	for _, box := range Detect(picture) {
		o.Detection.Boxes = append(o.Detection.Boxes, [4]float64{round(box.X0), round(box.Y0), round(box.X1), round(box.Y1)})
		o.Detection.Scores = append(o.Detection.Scores, round(box.Score))
		queries = append(queries, picture.Cropped(grown(box.rect(picture.W, picture.H), 0.15)))
	}
	return queries
}

func round(v float64) float64 { return math.Round(v*1e4) / 1e4 }

// match looks the queries up in a collection.
func (o *output) match(ctx context.Context, job *guest.Job, uid string, queries []plane.Gray) error {
	dir, err := sourceFolder(filepath.Join(filepath.Dir(job.Paths.Results), "sources"), uid)
	if err != nil {
		return err
	}
	describer := descriptor.New(true)
	defer job.Done("features")
	s, err := openSource(ctx, dir, job.Paths.Tmp, describer, func(done, total int) {
		job.Progress("features", "Computing features", int64(done), int64(total))
	}, job.Warn)
	if err != nil {
		return err
	}
	var raw []float32
	for _, query := range queries {
		raw = append(raw, feature(describer, query)...)
	}
	relations := descriptor.RelationsBetween(poses(s.flips), poses(queryFlips()))
	found, err := s.collection.Find(ctx, describer, raw, relations, maxMatches)
	if err != nil {
		return err
	}
	for q, matches := range found {
		list := []match{}
		for _, m := range matches {
			relation := relations[m.Relation]
			list = append(list, match{
				Similarity: round(min(max(float64(m.Score), 0), 1)), BestSourceFlip: relation.A, BestQueryFlip: relation.B,
				QueryIndex: q, SourceIndex: int(m.Index),
			})
		}
		o.Matches = append(o.Matches, list)
	}
	for _, flip := range queryFlips() {
		if flip == plane.None {
			o.QueryFlips = append(o.QueryFlips, nil)
		} else {
			o.QueryFlips = append(o.QueryFlips, &flip)
		}
	}
	return nil
}

func poses(turns []plane.Turn) []descriptor.Pose {
	out := make([]descriptor.Pose, len(turns))
	for i, turn := range turns {
		out[i] = descriptor.PoseOf(turn)
	}
	return out
}

// write writes the result document.
func write(job *guest.Job, out output) error {
	if job.ID == "" || strings.ContainsAny(job.ID, `/\`) || strings.HasPrefix(job.ID, ".") {
		return fault.New(fault.Invalid, "the job id %.100q cannot name a file", job.ID)
	}
	text, err := json.Marshal(out)
	if err != nil {
		return fmt.Errorf("encode result: %w", err)
	}
	if err := os.MkdirAll(job.Paths.Results, 0o750); err != nil {
		return fmt.Errorf("make results folder: %w", err)
	}
	return os.WriteFile(filepath.Join(job.Paths.Results, job.ID+".json"), text, 0o600)
}
