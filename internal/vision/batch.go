package vision

import (
	"context"
	"errors"
	"fmt"

	"granary/internal/platform/database"
	"granary/internal/platform/fault"
)

// errRepeated ends a batch upload whose picture is already there.
var errRepeated = errors.New("picture is already in the batch")

// StartBatch opens a session that takes up to pictures labelled pictures into
// a new set of the caller. Without a name the set is called by its id. The
// session's id is the set's.
func (s *Service) StartBatch(ctx context.Context, name string, pictures int64) (PictureSet, error) {
	caller, err := s.caller(ctx)
	if err != nil {
		return PictureSet{}, err
	}
	if pictures < 1 || pictures > int64(s.cfg.BatchMaxPictures) {
		return PictureSet{}, fault.New(fault.Invalid, "a batch has between 1 and %d pictures", s.cfg.BatchMaxPictures)
	}
	now := s.now()
	set := PictureSet{
		ID: newID(), OwnerID: caller.UserID, Name: name, Kind: BatchSet, ExpectedPictures: pictures,
		Revision: 1, CreatedAt: now, ExpiresAt: now.Add(s.cfg.BatchExpiry),
	}
	if name == "" {
		set.Name = set.ID
	} else if err := checkSetName(name); err != nil {
		return PictureSet{}, err
	}
	return set, s.addSet(ctx, &set)
}

// BatchPicture is one labelled picture of a batch.
type BatchPicture struct {
	SessionID string
	// SeedID wins over SeedName; an unknown name is created.
	SeedID, SeedName string
	ZoomLevel        *float64
	SeedCount        *int64
	Data             []byte
}

// UploadBatch stores one picture of a session; it counts as validated at once.
// The same bytes again are accepted and change nothing.
func (s *Service) UploadBatch(ctx context.Context, in BatchPicture) error {
	caller, err := s.caller(ctx)
	if err != nil {
		return err
	}
	set, err := setByID(ctx, s.db.Reader(), in.SessionID)
	if err != nil {
		return err
	}
	sum := digest(in.Data)
	if err := s.admit(ctx, s.db.Reader(), caller, set, sum); err != nil {
		return s.refused(ctx, "picture_set:"+set.ID, ignoreRepeat(err))
	}
	picture, err := s.newPicture(set.ID, in.Data)
	if err != nil {
		return err
	}
	picture.Batch, picture.Validated = true, true
	picture.SeedCount, picture.ZoomLevel = in.SeedCount, in.ZoomLevel
	err = s.storePicture(ctx, &picture, in.Data, func(ctx context.Context, publish func(context.Context, database.Tx) error) error {
		return s.db.InTurn(ctx, setTurn(in.SessionID), func(ctx context.Context, tx database.Tx) error {
			set, err := touchSet(ctx, tx, in.SessionID)
			if err != nil {
				return err
			}
			if err := s.admit(ctx, tx, caller, set, sum); err != nil {
				return err
			}
			if err := publish(ctx, tx); err != nil {
				return err
			}
			return s.labelBatch(ctx, tx, picture.ID, in)
		})
	})
	return ignoreRepeat(err)
}

func ignoreRepeat(err error) error {
	if errors.Is(err, errRepeated) {
		return nil
	}
	return err
}

func (s *Service) labelBatch(ctx context.Context, tx database.Tx, pictureID string, in BatchPicture) error {
	seed, err := s.chosenSeed(ctx, tx, in.SeedID, in.SeedName)
	if err != nil {
		return err
	}
	row := PictureSeed{ID: newID(), PictureID: pictureID, SeedID: seed.ID, CreatedAt: s.now()}
	if _, err := tx.NewInsert().Model(&row).Exec(ctx); err != nil {
		return fmt.Errorf("label picture: %w", err)
	}
	return nil
}
