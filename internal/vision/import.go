package vision

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"granary/internal/platform/database"
	"granary/internal/platform/fault"
	"granary/internal/platform/identity"
	"granary/internal/vision/pipeline"
)

// Importer stores what another deployment holds under the ids that it has
// there, so that an import can be repeated. It decides nothing about the other
// deployment's form: package nachetimport does. Safe for concurrent use.
type Importer struct{ s *Service }

// Importer returns the importer. Admins only.
func (s *Service) Importer(ctx context.Context) (*Importer, error) {
	if err := s.requireAdmin(ctx); err != nil {
		return nil, err
	}
	return &Importer{s: s}, nil
}

// AddAccount adds an account together with its default set, which gets the id
// and the time of home. Errors: fault.Invalid; fault.Conflict when the address
// or the id is taken.
func (im *Importer) AddAccount(ctx context.Context, user identity.NewUser, home PictureSet) error {
	user, err := im.s.users.Prepare(ctx, user)
	if err != nil {
		return err
	}
	return im.s.db.InTx(ctx, func(ctx context.Context, tx database.Tx) error {
		created, err := im.s.users.CreateUserTx(ctx, tx, user)
		if err != nil {
			return err
		}
		home.OwnerID, home.Kind, home.Name, home.Revision = created.ID, DefaultSet, DefaultSetName, 1
		return insertSet(ctx, tx, &home)
	})
}

// Sets lists an account's sets without adding a default one.
func (im *Importer) Sets(ctx context.Context, ownerID string) ([]PictureSet, error) {
	var sets []PictureSet
	err := im.s.db.Reader().NewSelect().Model(&sets).Where("owner_id = ?", ownerID).Order("id").Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("list picture sets: %w", err)
	}
	return sets, nil
}

// AddSet adds a set with the id that it carries. Errors: ErrSetExists when the
// id or the owner's name for it is taken, ErrNoUser.
func (im *Importer) AddSet(ctx context.Context, set PictureSet) error {
	set.Revision = 1
	return im.s.db.InTx(ctx, func(ctx context.Context, tx database.Tx) error {
		return insertSet(ctx, tx, &set)
	})
}

// Seed returns a seed with the name in the form in which it is kept; an empty
// one becomes Unidentified. Two seeds of equal Key are one.
func (im *Importer) Seed(id, name string) Seed {
	name = seedLabel(name)
	return Seed{ID: id, Name: name, Key: seedKey(name), CreatedAt: im.s.now()}
}

// AddSeeds adds seeds whose ids and keys are new.
func (im *Importer) AddSeeds(ctx context.Context, seeds []Seed) error {
	return im.s.db.InTx(ctx, func(ctx context.Context, tx database.Tx) error {
		if err := insertAll(ctx, tx, seeds); err != nil {
			return fmt.Errorf("insert seeds: %w", err)
		}
		return nil
	})
}

// Pipelines lists every pipeline, those out of use too, without definitions.
func (im *Importer) Pipelines(ctx context.Context) ([]Pipeline, error) {
	var rows []Pipeline
	err := im.s.db.Reader().NewSelect().Model(&rows).ExcludeColumn("definition").Order("id").Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("list pipelines: %w", err)
	}
	return rows, nil
}

// AddPipeline adds a pipeline whose id and name are new and seals its
// endpoints and keys. One that is not active is only named by what it said of
// pictures. Errors: fault.Invalid.
func (im *Importer) AddPipeline(ctx context.Context, id string, definition pipeline.Definition, active bool) error {
	if err := definition.Validate(); err != nil {
		return err
	}
	sealed, err := im.s.sealDefinition(definition)
	if err != nil {
		return err
	}
	row := Pipeline{
		ID: id, Name: definition.Name, Default: definition.Default && active, Active: active, Revision: 1,
		SealedJSON: sealed, CreatedAt: im.s.now(), UpdatedAt: im.s.now(),
	}
	return im.s.deed(ctx, pipelineTurn, func(ctx context.Context, tx database.Tx) error {
		if row.Default {
			if err := dropDefault(ctx, tx); err != nil {
				return err
			}
		}
		if _, err := tx.NewInsert().Model(&row).Exec(ctx); err != nil {
			return fmt.Errorf("insert pipeline %s: %w", row.Name, err)
		}
		if err := im.s.record(ctx, tx, deedPipelineSave, "pipeline:"+row.Name, nil); err != nil {
			return err
		}
		return ensureDefault(ctx, tx)
	})
}

// HeldPictures returns those of the ids that are pictures here.
func (im *Importer) HeldPictures(ctx context.Context, ids []string) (map[string]bool, error) {
	return held[Picture](ctx, im.s.db.Reader(), ids)
}

// HeldInferences returns those of the ids that are inferences here.
func (im *Importer) HeldInferences(ctx context.Context, ids []string) (map[string]bool, error) {
	return held[Inference](ctx, im.s.db.Reader(), ids)
}

func held[T any](ctx context.Context, db bun.IDB, ids []string) (map[string]bool, error) {
	known := map[string]bool{}
	for part := range slices.Chunk(ids, insertChunk) {
		var rows []string
		err := db.NewSelect().Model((*T)(nil)).Column("id").Where("id IN (?)", bun.List(part)).Scan(ctx, &rows)
		if err != nil {
			return nil, fmt.Errorf("look for what is held: %w", err)
		}
		for _, id := range rows {
			known[id] = true
		}
	}
	return known, nil
}

// ImportExpiry returns when a batch that was begun at the given time ends.
func (im *Importer) ImportExpiry(begun time.Time) time.Time { return begun.Add(im.s.cfg.BatchExpiry) }

// concurrent turns a taken id into an error that says why.
func concurrent(err error) error {
	if database.IsUnique(err) {
		return fault.New(fault.Conflict, "another import of the same pictures is running")
	}
	return err
}
