package vision

import (
	"context"
	"errors"
	"fmt"

	"github.com/uptrace/bun"

	"granary/internal/platform/database"
)

// ImportedPicture is one picture of another deployment with everything that
// was said about it there.
type ImportedPicture struct {
	// Picture comes from Describe.
	Picture Picture
	Data    []byte
	Said    ImportedSayings
}

// ImportedSayings are what models and experts said of one picture. Every row
// has its id; inferences carry their boxes, and boxes their guesses.
type ImportedSayings struct {
	Seeds      []PictureSeed
	Inferences []Inference
	// Validated marks the picture as reviewed. It is never taken back.
	Validated bool
}

// Describe passes a file through the image gate and completes what is known of
// the picture: its digest, type and size. Errors: as raster.Gate.Inspect.
func (im *Importer) Describe(picture Picture, data []byte) (Picture, error) {
	found, err := im.s.newPicture(picture.SetID, data)
	if err != nil {
		return Picture{}, err
	}
	// The key is a fresh one: bytes of a run that was cut off may still wait
	// for the sweeper under the key of their own attempt.
	picture.BlobKey, picture.SHA256, picture.MediaType = found.BlobKey, digest(data), found.MediaType
	picture.Width, picture.Height, picture.SizeBytes = found.Width, found.Height, found.SizeBytes
	return picture, nil
}

// AddPicture stores a picture, its bytes and all that was said of it together
// or not at all. It reports false for a batch picture whose bytes its set
// holds already: that one is stored once. Errors: ErrNoSet; fault.Conflict
// when the id is taken.
func (im *Importer) AddPicture(ctx context.Context, in ImportedPicture) (added bool, err error) {
	picture := in.Picture
	picture.Validated = picture.Validated || in.Said.Validated
	if err := refuseRepeat(ctx, im.s.db.Reader(), &picture); err != nil {
		return false, ignoreRepeat(err)
	}
	err = im.s.storePicture(ctx, &picture, in.Data, func(ctx context.Context, publish func(context.Context, database.Tx) error) error {
		return im.s.db.InTurn(ctx, setTurn(picture.SetID), func(ctx context.Context, tx database.Tx) error {
			// Its lock also makes two copies of one batch picture take turns.
			if _, err := touchSet(ctx, tx, picture.SetID); err != nil {
				return err
			}
			if err := refuseRepeat(ctx, tx, &picture); err != nil {
				return err
			}
			if err := publish(ctx, tx); err != nil {
				return concurrent(err)
			}
			if err := announce(ctx, tx, &picture); err != nil {
				return err
			}
			return insertSayings(ctx, tx, in.Said)
		})
	})
	if errors.Is(err, errRepeated) {
		return false, nil
	}
	return err == nil, err
}

// AddSayings adds what was said of a picture that is held already.
func (im *Importer) AddSayings(ctx context.Context, pictureID string, said ImportedSayings) error {
	picture, _, err := pictureWithSet(ctx, im.s.db.Reader(), pictureID)
	if err != nil {
		return err
	}
	return im.s.db.InTurn(ctx, setTurn(picture.SetID), func(ctx context.Context, tx database.Tx) error {
		if _, err := touchSet(ctx, tx, picture.SetID); err != nil {
			return err
		}
		if said.Validated {
			if _, err := tx.NewUpdate().Model((*Picture)(nil)).Set("validated = ?", true).
				Where("id = ?", pictureID).Exec(ctx); err != nil {
				return fmt.Errorf("mark picture: %w", err)
			}
		}
		return insertSayings(ctx, tx, said)
	})
}

// refuseRepeat answers errRepeated for the bytes of a batch picture that its
// set holds.
func refuseRepeat(ctx context.Context, db bun.IDB, picture *Picture) error {
	if !picture.Batch {
		return nil
	}
	repeated, err := db.NewSelect().Model((*Picture)(nil)).
		Where("p.set_id = ? AND p.sha256 = ? AND p.batch", picture.SetID, picture.SHA256).Exists(ctx)
	if err != nil {
		return fmt.Errorf("look for picture: %w", err)
	}
	if repeated {
		return errRepeated
	}
	return nil
}

// announce raises what a batch announced to what it holds: the other
// deployment takes more pictures than were announced.
func announce(ctx context.Context, tx database.Tx, picture *Picture) error {
	if !picture.Batch {
		return nil
	}
	held := tx.NewSelect().Model((*Picture)(nil)).ColumnExpr("COUNT(*)").Where("p.set_id = ? AND p.batch", picture.SetID)
	_, err := tx.NewUpdate().Model((*PictureSet)(nil)).Set("expected_pictures = (?)", held).
		Where("id = ? AND kind = ? AND expected_pictures < (?)", picture.SetID, BatchSet, held).Exec(ctx)
	if err != nil {
		return fmt.Errorf("announce picture: %w", err)
	}
	return nil
}

func insertSayings(ctx context.Context, tx database.Tx, said ImportedSayings) error {
	if err := insertAll(ctx, tx, said.Seeds); err != nil {
		return fmt.Errorf("insert picture seeds: %w", concurrent(err))
	}
	var boxes []Box
	var guesses []Guess
	for i := range said.Inferences {
		inference := &said.Inferences[i]
		inference.ModelsJSON = mustJSON(inference.Models)
		if _, err := tx.NewInsert().Model(inference).Exec(ctx); err != nil {
			return fmt.Errorf("insert inference: %w", concurrent(err))
		}
		boxes = append(boxes, inference.Boxes...)
		for j := range inference.Boxes {
			guesses = append(guesses, inference.Boxes[j].Guesses...)
		}
	}
	if err := insertAll(ctx, tx, boxes); err != nil {
		return fmt.Errorf("insert boxes: %w", err)
	}
	if err := insertAll(ctx, tx, guesses); err != nil {
		return fmt.Errorf("insert guesses: %w", err)
	}
	return nil
}
