package vision

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"granary/internal/platform/database"
	"granary/internal/platform/fault"
	"granary/internal/platform/identity"
	"granary/internal/vision/pipeline"
)

// builtinEngine is the name of the engine in this binary.
const builtinEngine = "builtin"

// Pipeline is a stored pipeline. The definition it carries to callers has no
// endpoint, no key and no command.
type Pipeline struct {
	bun.BaseModel `bun:"table:vision_pipelines" json:"-"`

	ID         string    `bun:"id,pk" json:"id"`
	Name       string    `bun:"name" json:"name"`
	Default    bool      `bun:"is_default" json:"default"`
	Active     bool      `bun:"active" json:"active"`
	Revision   int64     `bun:"revision" json:"revision"`
	SealedJSON string    `bun:"definition" json:"-"`
	CreatedAt  time.Time `bun:"created_at" json:"created_at"`
	UpdatedAt  time.Time `bun:"updated_at" json:"updated_at"`

	Definition pipeline.Definition `bun:"-" json:"definition"`
}

// ModelNames lists the pipeline's models in order.
func (p *Pipeline) ModelNames() []string {
	names := make([]string, len(p.Definition.Models))
	for i, m := range p.Definition.Models {
		names[i] = m.Name
	}
	return names
}

// Pipelines lists the active pipelines, the default first, then by name,
// without endpoints and keys. Anyone may see them.
func (s *Service) Pipelines(ctx context.Context) ([]Pipeline, error) {
	rows := []Pipeline{}
	err := s.db.Reader().NewSelect().Model(&rows).Where("active").Order("is_default DESC", "name").Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("list pipelines: %w", err)
	}
	for i := range rows {
		if err := json.Unmarshal([]byte(rows[i].SealedJSON), &rows[i].Definition); err != nil {
			return nil, fmt.Errorf("read pipeline %s: %w", rows[i].Name, err)
		}
		rows[i].Definition = rows[i].Definition.WithoutSecrets()
		rows[i].SealedJSON = ""
	}
	return rows, nil
}

// SavePipelines stores pipelines, replacing those of the same name unless they
// are the same, and seals their endpoints and keys. Exactly one pipeline is the default afterwards: a
// new default takes over, and without any the first becomes it. ids fixes the
// ids of new pipelines by name and may be nil. Admins only.
func (s *Service) SavePipelines(ctx context.Context, definitions []pipeline.Definition, ids map[string]string) error {
	if err := s.requireAdmin(ctx); err != nil {
		return err
	}
	rows := make([]Pipeline, len(definitions))
	for i, definition := range definitions {
		if err := definition.Validate(); err != nil {
			return err
		}
		sealed, err := s.sealDefinition(definition)
		if err != nil {
			return err
		}
		rows[i] = Pipeline{
			ID: ids[definition.Name], Name: definition.Name, Default: definition.Default, Active: true,
			Revision: 1, SealedJSON: sealed, CreatedAt: s.now(), UpdatedAt: s.now(),
		}
		if rows[i].ID == "" {
			rows[i].ID = newID()
		}
	}
	return s.deed(ctx, pipelineTurn, func(ctx context.Context, tx database.Tx) error {
		for i := range rows {
			held, err := s.holds(ctx, tx, definitions[i])
			if err != nil {
				return err
			}
			if held {
				continue
			}
			if err := s.savePipeline(ctx, tx, rows[i]); err != nil {
				return err
			}
		}
		return ensureDefault(ctx, tx)
	})
}

// holds reports whether the same pipeline is in use already: files are read
// again at every start, and nothing should be told or opened anew for that.
func (s *Service) holds(ctx context.Context, tx database.Tx, definition pipeline.Definition) (bool, error) {
	var row Pipeline
	err := tx.NewSelect().Model(&row).Where("name = ? AND active", definition.Name).Scan(ctx)
	if err := found(err, ErrNoPipeline, "read pipeline"); err != nil {
		if errors.Is(err, ErrNoPipeline) {
			err = nil
		}
		return false, err
	}
	current, err := s.openDefinition(row)
	if err != nil { // sealed with another key: the new one heals it
		return false, nil //nolint:nilerr // as the line above says
	}
	return mustJSON(current) == mustJSON(definition) && (row.Default || !definition.Default), nil
}

func (s *Service) savePipeline(ctx context.Context, tx database.Tx, row Pipeline) error {
	if row.Default {
		if err := dropDefault(ctx, tx); err != nil {
			return err
		}
	}
	if _, err := tx.NewInsert().Model(&row).On("CONFLICT (name) DO UPDATE").
		Set("definition = EXCLUDED.definition").Set("active = EXCLUDED.active").
		Set("is_default = ?TableAlias.is_default OR EXCLUDED.is_default").
		Set("revision = ?TableAlias.revision + 1").
		Set("updated_at = EXCLUDED.updated_at").Exec(ctx); err != nil {
		return fmt.Errorf("store pipeline %s: %w", row.Name, err)
	}
	return s.record(ctx, tx, deedPipelineSave, "pipeline:"+row.Name, nil)
}

func dropDefault(ctx context.Context, tx database.Tx) error {
	_, err := tx.NewUpdate().Model((*Pipeline)(nil)).Set("is_default = ?", false).Where("is_default").Exec(ctx)
	if err != nil {
		return fmt.Errorf("clear default pipeline: %w", err)
	}
	return nil
}

func ensureDefault(ctx context.Context, tx database.Tx) error {
	exists, err := tx.NewSelect().Model((*Pipeline)(nil)).Where("is_default AND active").Exists(ctx)
	if err != nil || exists {
		return err
	}
	_, err = tx.NewUpdate().Model((*Pipeline)(nil)).Set("is_default = ?", true).
		Where("id = (SELECT MIN(id) FROM vision_pipelines WHERE active)").Exec(ctx)
	if err != nil {
		return fmt.Errorf("choose default pipeline: %w", err)
	}
	return nil
}

// SetDefaultPipeline makes a pipeline the one that is preselected. Admins only.
func (s *Service) SetDefaultPipeline(ctx context.Context, name string) error {
	if err := s.requireAdmin(ctx); err != nil {
		return err
	}
	return s.deed(ctx, pipelineTurn, func(ctx context.Context, tx database.Tx) error {
		if err := dropDefault(ctx, tx); err != nil {
			return err
		}
		result, err := tx.NewUpdate().Model((*Pipeline)(nil)).Set("is_default = ?", true).
			Where("name = ? AND active", name).Exec(ctx)
		if err := changed(result, err, ErrNoPipeline, "set default pipeline"); err != nil {
			return err
		}
		return s.record(ctx, tx, deedPipelineDefault, "pipeline:"+name, nil)
	})
}

func (s *Service) requireAdmin(ctx context.Context) error {
	p, err := identity.Require(ctx)
	if err != nil {
		return err
	}
	if !p.IsAdmin() {
		return fault.New(fault.Forbidden, "only an administrator may do this")
	}
	return nil
}

func (s *Service) sealDefinition(definition pipeline.Definition) (string, error) {
	sealed, err := definition.MapSecrets(func(model, field, value string) (string, error) {
		return s.sealer.Seal([]byte(value), secretContext(definition.Name, model, field))
	})
	if err != nil {
		return "", fmt.Errorf("seal pipeline %s: %w", definition.Name, err)
	}
	text, err := json.Marshal(sealed)
	return string(text), err
}

func (s *Service) openDefinition(row Pipeline) (pipeline.Definition, error) {
	var definition pipeline.Definition
	if err := json.Unmarshal([]byte(row.SealedJSON), &definition); err != nil {
		return definition, fmt.Errorf("read pipeline %s: %w", row.Name, err)
	}
	return definition.MapSecrets(func(model, field, value string) (string, error) {
		plain, err := s.sealer.Open(value, secretContext(row.Name, model, field))
		return string(plain), err
	})
}

// secretContext binds a sealed value to its place, so that it opens nowhere else.
func secretContext(name, model, field string) string {
	return "vision/pipeline/" + name + "/" + model + "/" + field
}

// usesBuiltinClassifier reports whether a definition has the classifier that
// learns from feedback.
func usesBuiltinClassifier(d pipeline.Definition) bool {
	return slices.ContainsFunc(d.Models, func(m pipeline.Model) bool { return m.Engine == builtinEngine })
}

// HasPipeline returns ErrNoPipeline unless an active pipeline has that name.
func (s *Service) HasPipeline(ctx context.Context, name string) error {
	exists, err := s.db.Reader().NewSelect().Model((*Pipeline)(nil)).Where("name = ? AND active", name).Exists(ctx)
	if err != nil {
		return fmt.Errorf("look for pipeline: %w", err)
	}
	if !exists {
		return ErrNoPipeline
	}
	return nil
}
