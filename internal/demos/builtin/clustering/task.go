package clustering

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"granary/internal/demos/builtin/clustering/dti"
	"granary/internal/demos/dataset"
	"granary/internal/platform/fault"
	"granary/internal/platform/worker/guest"
)

// Tasks returns what the app's worker can do.
func Tasks() map[string]guest.Task {
	return map[string]guest.Task{"train_dti": train}
}

// arguments are the worker's.
type arguments struct {
	ExperimentID string `json:"experiment_id"`
	DatasetUID   string `json:"dataset_uid"`
	NotifyURL    string `json:"notify_url"` // the host calls back
	// Parameters is JSON as text.
	Parameters string `json:"parameters"`
}

// output is the result of a task.
type output struct {
	ResultURL string `json:"result_url"`
}

// train is the actor train_dti.
func train(ctx context.Context, job *guest.Job) (any, error) {
	var args arguments
	if err := job.Decode(&args); err != nil {
		return nil, err
	}
	p, err := ParseParameters([]byte(args.Parameters))
	if err != nil {
		return nil, err
	}
	if !filepath.IsLocal(job.ID) || filepath.Base(job.ID) != job.ID {
		return nil, fault.New(fault.Invalid, "the task %.100q cannot name a file", job.ID)
	}
	view, err := dataset.OpenView(ctx, job.Paths.Data, args.DatasetUID)
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp(job.Paths.Tmp, "squares-")
	if err != nil {
		return nil, fmt.Errorf("make folder for pictures: %w", err)
	}
	defer os.RemoveAll(folder)
	pictures, err := gather(ctx, job, view, folder)
	if err != nil {
		return nil, err
	}
	if err := pictures.findBackground(p); err != nil {
		return nil, err
	}
	small, err := pictures.shrink(ctx)
	if err != nil {
		return nil, err
	}
	result, err := dti.Cluster(ctx, small, dti.Options{
		Prototypes: p.Prototypes, Transforms: p.Transforms, Grid: p.Grid, Empty: p.Empty,
		Progress: func(done, total int) { job.Progress("rounds", "Clustering", int64(done), int64(total)) },
	})
	job.Done("rounds")
	if err != nil {
		return nil, err
	}
	if result.Clusters < p.Prototypes {
		job.Warn(fmt.Sprintf("%d pictures fill %d clusters of %d", len(small), result.Clusters, p.Prototypes))
	}
	if err := archive(ctx, job, pictures, result, p.Layout); err != nil {
		return nil, err
	}
	return output{job.BaseURL + "/clustering/" + url.PathEscape(job.ID) + "/result"}, nil
}
