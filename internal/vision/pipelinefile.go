package vision

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"granary/internal/platform/database"
	"granary/internal/platform/identity"
	"granary/internal/vision/engine"
	"granary/internal/vision/engine/builtin"
	"granary/internal/vision/pipeline"
)

// BuiltinPipeline is the name of the pipeline that needs nothing else.
const BuiltinPipeline = "Granary"

// maxPipelineFile bounds a pipeline file in bytes.
const maxPipelineFile = 1 << 20

// ImportOptions say how a pipeline file is read.
type ImportOptions struct {
	// Key decrypts Fernet values; empty when there are none.
	Key string
	// IDs fixes the ids of new pipelines by name.
	IDs map[string]string
}

// ImportPipelineFile stores every pipeline of a file and returns their names.
// Admins only.
func (s *Service) ImportPipelineFile(ctx context.Context, path string, opts ImportOptions) (names []string, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("pipeline file: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	data, err := io.ReadAll(io.LimitReader(file, maxPipelineFile+1))
	if err != nil {
		return nil, fmt.Errorf("pipeline file: %w", err)
	}
	definitions, err := pipeline.Read(data, opts.Key)
	if err != nil {
		return nil, fmt.Errorf("pipeline file %s: %w", path, err)
	}
	for _, d := range definitions {
		names = append(names, d.Name)
	}
	if err := s.SavePipelines(ctx, definitions, opts.IDs); err != nil {
		return nil, err
	}
	return names, nil
}

// EnsureStandard fills an empty catalogue: the built-in pipeline when there is
// no other, and the standard seeds when there is none.
func (s *Service) EnsureStandard(ctx context.Context) error {
	ctx = identity.With(ctx, identity.System())
	exists, err := s.db.Reader().NewSelect().Model((*Pipeline)(nil)).Exists(ctx)
	if err != nil {
		return fmt.Errorf("look for pipelines: %w", err)
	}
	if !exists {
		if err := s.SavePipelines(ctx, []pipeline.Definition{builtinDefinition()}, nil); err != nil {
			return err
		}
	}
	seeded, err := s.db.Reader().NewSelect().Model((*Seed)(nil)).Exists(ctx)
	if err != nil {
		return fmt.Errorf("look for seeds: %w", err)
	}
	if seeded {
		return nil
	}
	_, err = s.ImportSeeds(ctx, append(StandardSeeds(), Unidentified))
	return err
}

func builtinDefinition() pipeline.Definition {
	return pipeline.Definition{
		Name: BuiltinPipeline, Default: true, Version: "1", CreatedBy: "granary", CreationDate: "2026-11-21",
		Description: "Finds objects on a plain ground and names them by what experts have verified here. Needs no other service.",
		Dataset:     "the verified boxes of this installation", JobName: "retrain",
		Models: []pipeline.Model{
			{Name: builtin.DetectorName, Version: "1", Engine: builtinEngine, Task: engine.ObjectDetection},
			{Name: builtin.ClassifierName, Version: "0", Engine: builtinEngine, Task: engine.Classification},
		},
		Steps: []pipeline.Step{
			{Kind: pipeline.StepDetect, Model: builtin.DetectorName},
			{Kind: pipeline.StepCrop},
			{Kind: pipeline.StepClassify, Model: builtin.ClassifierName},
		},
	}
}

// TryPipeline runs a pipeline over a picture without storing anything.
// Admins only.
func (s *Service) TryPipeline(ctx context.Context, name string, data []byte) (*pipeline.Result, error) {
	if err := s.requireAdmin(ctx); err != nil {
		return nil, err
	}
	opened, err := s.pipelines.get(ctx, name)
	if err != nil {
		return nil, err
	}
	defer opened.release()
	image, err := s.cfg.Gate.Open(data)
	if err != nil {
		return nil, err
	}
	return s.run(ctx, opened, image, pipeline.Options{})
}

// RemovePipeline takes a pipeline out of use. What it has said of pictures
// stays. Admins only.
func (s *Service) RemovePipeline(ctx context.Context, name string) error {
	if err := s.requireAdmin(ctx); err != nil {
		return err
	}
	return s.deed(ctx, pipelineTurn, func(ctx context.Context, tx database.Tx) error {
		result, err := tx.NewUpdate().Model((*Pipeline)(nil)).Set("active = ?", false).Set("is_default = ?", false).
			Set("revision = revision + 1").Where("name = ? AND active", name).Exec(ctx)
		if err := changed(result, err, ErrNoPipeline, "remove pipeline"); err != nil {
			return err
		}
		if err := ensureDefault(ctx, tx); err != nil {
			return err
		}
		return s.record(ctx, tx, deedPipelineRemove, "pipeline:"+name, nil)
	})
}
