package vision

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/uptrace/bun"

	"granary/internal/platform/database"
	"granary/internal/platform/fault"
)

// maxCorrections bounds the boxes of one feedback call.
const maxCorrections = 1000

// Correction is an expert's judgement of one box.
//
//	SeedID or SeedName set    the box shows that seed; an unknown name is created
//	neither set               the box shows no seed: it is rejected
//	BoxID empty               a box that the expert drew; it needs a seed
type Correction struct {
	BoxID    string
	SeedID   string
	SeedName string
	// Rect replaces the box's rectangle when it differs, in pixels.
	Rect    Rect
	Comment string
}

// feedback is one line of the record of judgements.
type feedback struct {
	bun.BaseModel `bun:"table:vision_feedback"`

	ID          string    `bun:"id,pk"`
	InferenceID string    `bun:"inference_id"`
	BoxID       string    `bun:"box_id"`
	UserID      string    `bun:"user_id"`
	Action      string    `bun:"action"`
	BeforeState string    `bun:"before_state"`
	Undone      bool      `bun:"undone"`
	CreatedAt   time.Time `bun:"created_at"`
}

// boxState is what a judgement can change of a box, and undo puts back.
type boxState struct {
	Rect            Rect      `json:"rect"`
	VerifiedGuessID string    `json:"verified_guess_id"`
	Rejected        bool      `json:"rejected"`
	Comment         string    `json:"comment"`
	ReviewedAt      time.Time `json:"reviewed_at"`
}

func (b *Box) state() boxState {
	return boxState{b.Rect(), b.VerifiedGuessID, b.Rejected, b.Comment, b.ReviewedAt}
}

// judge loads the inference with its row locked, checks the caller, runs fn,
// settles whether everything is reviewed now, and returns the result.
func (s *Service) judge(ctx context.Context, inferenceID string, fn func(ctx context.Context, j *judging) error) (Inference, error) {
	caller, err := s.caller(ctx)
	if err != nil {
		return Inference{}, err
	}
	var result Inference
	err = s.db.InTurn(ctx, "inference:"+inferenceID, func(ctx context.Context, tx database.Tx) error {
		now := s.now()
		// Two experts on two boxes queue, so that the later one sees the earlier
		// one's box when it asks whether all are reviewed.
		locked, err := tx.NewUpdate().Model((*Inference)(nil)).Set("updated_at = ?", now).
			Where("id = ?", inferenceID).Exec(ctx)
		if err := changed(locked, err, ErrNoInference, "lock inference"); err != nil {
			return err
		}
		inference, err := s.readInference(ctx, tx, inferenceID)
		if err != nil {
			return err
		}
		_, set, err := pictureWithSet(ctx, tx, inference.PictureID)
		if err != nil {
			return err
		}
		if err := permit(caller, review, set.OwnerID); err != nil {
			return &OwnerError{PictureID: inference.PictureID, err: err}
		}
		j := &judging{s: s, tx: tx, caller: caller, inference: &inference, now: now}
		if err := fn(ctx, j); err != nil {
			return err
		}
		if err := j.settle(ctx, set.ID); err != nil {
			return err
		}
		result, err = s.readInference(ctx, tx, inferenceID)
		return err
	})
	return result, s.refused(ctx, "inference:"+inferenceID, err)
}

// OwnerError is ErrNotOwner with the picture it is about.
type OwnerError struct {
	PictureID string
	err       error
}

// Error returns the text of ErrNotOwner.
func (e *OwnerError) Error() string { return e.err.Error() }

// Unwrap returns ErrNotOwner.
func (e *OwnerError) Unwrap() error { return e.err }

// BoxError is an error about one box.
type BoxError struct {
	BoxID string
	err   error
}

// Error returns the text of the error about the box.
func (e *BoxError) Error() string { return e.err.Error() }

// Unwrap returns ErrNoBox or ErrBoxVerified.
func (e *BoxError) Unwrap() error { return e.err }

// Confirm says that the models' best guess is right for each listed box.
// Confirming a confirmed box again changes nothing.
func (s *Service) Confirm(ctx context.Context, inferenceID string, boxIDs []string) (Inference, error) {
	return s.judge(ctx, inferenceID, func(ctx context.Context, j *judging) error {
		if j.inference.Verified {
			return ErrVerified
		}
		for _, id := range boxIDs {
			box, err := j.box(id)
			if err != nil {
				return err
			}
			if box.TopGuessID == "" {
				return fault.New(fault.Invalid, "box %s has no guess to confirm", id)
			}
			if box.Verified() {
				continue
			}
			before := box.state()
			box.VerifiedGuessID, box.Rejected = box.TopGuessID, false
			if err := j.save(ctx, box, "confirm", before); err != nil {
				return err
			}
		}
		return nil
	})
}

// Correct records the judgements, all or none. An empty list returns the
// inference unchanged.
func (s *Service) Correct(ctx context.Context, inferenceID string, corrections []Correction) (Inference, error) {
	if len(corrections) > maxCorrections {
		return Inference{}, fault.New(fault.TooLarge, "at most %d boxes in one call", maxCorrections)
	}
	return s.judge(ctx, inferenceID, func(ctx context.Context, j *judging) error {
		if len(corrections) > 0 && j.inference.Verified {
			return ErrVerified
		}
		for _, c := range corrections {
			if err := j.correct(ctx, c); err != nil {
				return err
			}
		}
		return nil
	})
}

// settle makes the inference verified exactly when every box is reviewed, and
// the picture validated with it: one picture_seed for each named box.
func (j *judging) settle(ctx context.Context, setID string) error {
	boxes, complete := j.inference.Boxes, len(j.inference.Boxes) > 0
	for i := range boxes {
		complete = complete && boxes[i].Reviewed()
	}
	if err := j.s.retrainWhenDue(ctx, j.tx); err != nil {
		return err
	}
	if complete == j.inference.Verified {
		return nil
	}
	query := j.tx.NewUpdate().Model((*Inference)(nil)).Set("verified = ?", complete).Where("id = ?", j.inference.ID)
	if complete {
		query.Set("feedback_user_id = ?", j.caller.UserID)
	}
	if _, err := query.Exec(ctx); err != nil {
		return fmt.Errorf("settle inference: %w", err)
	}
	return j.s.validate(ctx, j.tx, setID, j.inference.PictureID, seedsOf(boxes, complete), complete)
}

func seedsOf(boxes []Box, complete bool) []string {
	var seeds []string
	for i := range boxes {
		if g, ok := boxes[i].Current(); ok && complete && boxes[i].Verified() {
			seeds = append(seeds, g.SeedID)
		}
	}
	return seeds
}

// validate replaces what is certain about a picture.
func (s *Service) validate(ctx context.Context, tx database.Tx, setID, pictureID string, seedIDs []string, validated bool) error {
	if _, err := touchSet(ctx, tx, setID); err != nil {
		return err
	}
	if _, err := tx.NewUpdate().Model((*Picture)(nil)).Set("validated = ?", validated).
		Where("id = ?", pictureID).Exec(ctx); err != nil {
		return fmt.Errorf("mark picture: %w", err)
	}
	if _, err := tx.NewDelete().Model((*PictureSeed)(nil)).Where("picture_id = ?", pictureID).Exec(ctx); err != nil {
		return fmt.Errorf("clear picture seeds: %w", err)
	}
	rows := make([]PictureSeed, len(seedIDs))
	for i, id := range seedIDs {
		rows[i] = PictureSeed{ID: newID(), PictureID: pictureID, SeedID: id, CreatedAt: s.now()}
	}
	if err := insertAll(ctx, tx, rows); err != nil {
		return fmt.Errorf("insert picture seeds: %w", err)
	}
	return nil
}

// normalise orders the corners, since a box may be drawn from any of them.
func normalise(r Rect) (Rect, error) {
	for _, v := range [...]float64{r.TopX, r.TopY, r.BottomX, r.BottomY} {
		if math.IsNaN(v) || math.Abs(v) > 1e6 {
			return Rect{}, fault.New(fault.Invalid, "a box needs finite pixel coordinates")
		}
	}
	out := Rect{
		min(r.TopX, r.BottomX), min(r.TopY, r.BottomY),
		max(r.TopX, r.BottomX), max(r.TopY, r.BottomY),
	}
	if out.TopX == out.BottomX || out.TopY == out.BottomY {
		return Rect{}, fault.New(fault.Invalid, "a box needs a width and a height")
	}
	return out, nil
}
