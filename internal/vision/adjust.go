package vision

import (
	"context"
	"errors"
	"time"

	"granary/internal/platform/database"
)

// Rights says what a caller may do with a set's pictures beyond looking.
type Rights struct {
	// Review is judging boxes.
	Review bool
	// Manage is uploading, classifying, renaming and deleting.
	Manage bool
}

// Rights tells what the caller may do with the set, so that a page offers
// nothing that would be refused.
func (s *Service) Rights(ctx context.Context, set PictureSet) (Rights, error) {
	caller, err := s.caller(ctx)
	if err != nil {
		return Rights{}, err
	}
	return Rights{
		Review: permit(caller, review, set.OwnerID) == nil,
		Manage: permit(caller, manage, set.OwnerID) == nil,
	}, nil
}

// DefaultSet returns the caller's default set, creating it for an account that
// came without one, such as the first administrator.
func (s *Service) DefaultSet(ctx context.Context) (PictureSet, error) {
	caller, err := s.caller(ctx)
	if err != nil {
		return PictureSet{}, err
	}
	set, err := defaultSet(ctx, s.db.Reader(), caller.UserID)
	if !errors.Is(err, ErrNoSet) {
		return set, err
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx database.Tx) (err error) {
		set, err = s.ensureDefaultSet(ctx, tx, caller.UserID)
		return err
	})
	return set, err
}

// DrawBox adds a box that the expert drew, named at once; an unknown name is
// created. Unlike Correct it also takes a box on an inference whose other
// boxes are all reviewed, since the missed one is often seen last.
func (s *Service) DrawBox(ctx context.Context, inferenceID, seedName string, rect Rect) (Inference, error) {
	rect, err := normalise(rect)
	if err != nil {
		return Inference{}, err
	}
	return s.judge(ctx, inferenceID, func(ctx context.Context, j *judging) error {
		j.inference.Verified = false // settle then counts the new box in
		return j.draw(ctx, Correction{SeedName: seedName}, rect)
	})
}

// MoveBox gives a box that nobody has judged yet another rectangle. It stays
// unjudged; a judged one answers ErrBoxVerified.
func (s *Service) MoveBox(ctx context.Context, inferenceID, boxID string, rect Rect) (Inference, error) {
	rect, err := normalise(rect)
	if err != nil {
		return Inference{}, err
	}
	return s.judge(ctx, inferenceID, func(ctx context.Context, j *judging) error {
		box, err := j.box(boxID)
		if err != nil {
			return err
		}
		if box.Reviewed() {
			return &BoxError{BoxID: boxID, err: ErrBoxVerified}
		}
		before := box.state()
		box.setRect(rect)
		return j.keep(ctx, box, "move", before)
	})
}

// ReopenBox takes a box's judgement back, whoever made it and whatever came
// after it. A box without a judgement stays as it is.
func (s *Service) ReopenBox(ctx context.Context, inferenceID, boxID string) (Inference, error) {
	return s.judge(ctx, inferenceID, func(ctx context.Context, j *judging) error {
		box, err := j.box(boxID)
		if err != nil || !box.Reviewed() {
			return err
		}
		before := box.state()
		box.VerifiedGuessID, box.Rejected, box.ReviewedAt = "", false, time.Time{}
		return j.keep(ctx, box, "reopen", before)
	})
}
