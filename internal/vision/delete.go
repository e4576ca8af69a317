package vision

import (
	"context"
	"fmt"

	"granary/internal/platform/database"
	"granary/internal/platform/fault"
)

// HasValidated reports whether a set holds at least one validated picture.
func (s *Service) HasValidated(ctx context.Context, setID string) (bool, error) {
	set, err := s.Set(ctx, setID)
	if err != nil {
		return false, err
	}
	validated, err := s.db.Reader().NewSelect().Model((*Picture)(nil)).
		Where("p.set_id = ? AND p.validated", set.ID).Exists(ctx)
	if err != nil {
		return false, fmt.Errorf("look for validated pictures: %w", err)
	}
	return validated, nil
}

// DeleteSet removes a set, its pictures and all that was said about them. The
// rows go at once, the bytes right after. The default set is refused.
func (s *Service) DeleteSet(ctx context.Context, id string) error {
	return s.removeSet(ctx, id, s.dropSet)
}

// removeSet runs fn, which deletes a set that the caller manages.
func (s *Service) removeSet(ctx context.Context, id string, fn func(context.Context, database.Tx, PictureSet) error) error {
	caller, err := s.caller(ctx)
	if err != nil {
		return err
	}
	return s.refused(ctx, "picture_set:"+id, s.deed(ctx, setTurn(id), managed(caller, id,
		func(ctx context.Context, tx database.Tx, set PictureSet) error {
			if set.Kind == DefaultSet {
				return ErrDefaultSet
			}
			return fn(ctx, tx, set)
		})))
}

// dropSet deletes a set with the pictures in it, and records that.
func (s *Service) dropSet(ctx context.Context, tx database.Tx, set PictureSet) error {
	var keys []string
	if err := tx.NewSelect().Model((*Picture)(nil)).Column("blob_key").
		Where("p.set_id = ?", set.ID).Scan(ctx, &keys); err != nil {
		return fmt.Errorf("list picture bytes: %w", err)
	}
	if _, err := tx.NewDelete().Model((*PictureSet)(nil)).Where("id = ?", set.ID).Exec(ctx); err != nil {
		return fmt.Errorf("delete picture set: %w", err)
	}
	if len(keys) > 0 {
		if err := s.blobs.Doom(ctx, tx, keys...); err != nil {
			return err
		}
	}
	return s.record(ctx, tx, deedSetDelete, "picture_set:"+set.ID, map[string]any{"owner": set.OwnerID, "pictures": len(keys)})
}

// DeleteSetWithArchive removes a set like DeleteSet, but its validated
// pictures, with all that was said about them, move to a new set of the
// archive account first.
func (s *Service) DeleteSetWithArchive(ctx context.Context, id string) error {
	// Read before the transaction, which holds a connection already.
	keeper, keeperErr := s.archivist(ctx)
	return s.removeSet(ctx, id, func(ctx context.Context, tx database.Tx, set PictureSet) error {
		if keeperErr != nil { // told only to those who may delete the set
			return keeperErr
		}
		if err := s.archive(ctx, tx, set, keeper); err != nil {
			return err
		}
		return s.dropSet(ctx, tx, set)
	})
}

// archivist returns the id of the account that keeps archived pictures, or
// ErrNoArchive.
func (s *Service) archivist(ctx context.Context) (string, error) {
	if s.cfg.ArchiveEmail == "" {
		return "", ErrNoArchive
	}
	keeper, err := s.users.UserByEmail(ctx, s.cfg.ArchiveEmail)
	if fault.Is(err, fault.NotFound) {
		return "", ErrNoArchive
	}
	return keeper.ID, err
}

// archive moves a set's validated pictures to a new set of the keeper.
func (s *Service) archive(ctx context.Context, tx database.Tx, set PictureSet, keeper string) error {
	target := PictureSet{ID: newID(), OwnerID: keeper, Kind: ArchiveSet, Revision: 1, CreatedAt: s.now()}
	if _, err := s.ensureDefaultSet(ctx, tx, keeper); err != nil {
		return err
	}
	// The set's own id keeps two archives of equal names apart.
	target.Name = set.OwnerID + "/" + set.Name + "/" + set.ID
	if err := insertSet(ctx, tx, &target); err != nil {
		return err
	}
	if _, err := tx.NewUpdate().Model((*Picture)(nil)).Set("set_id = ?", target.ID).
		Where("set_id = ? AND validated", set.ID).Exec(ctx); err != nil {
		return fmt.Errorf("move validated pictures: %w", err)
	}
	return s.record(ctx, tx, deedSetArchive, "picture_set:"+set.ID, map[string]any{"owner": set.OwnerID, "to": target.ID})
}
