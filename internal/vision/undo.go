package vision

import (
	"context"
	"encoding/json"
	"fmt"
)

// Undo takes back the caller's latest judgement on the inference that is not
// undone yet. The box returns to the state before it; a drawn box vanishes.
// Errors: ErrNothingUndo; ErrJudgedSince when another expert judged the box
// after that.
func (s *Service) Undo(ctx context.Context, inferenceID string) (Inference, error) {
	return s.judge(ctx, inferenceID, func(ctx context.Context, j *judging) error {
		var last feedback
		err := j.tx.NewSelect().Model(&last).
			Where("inference_id = ? AND user_id = ? AND NOT undone", inferenceID, j.caller.UserID).
			Order("created_at DESC", "id DESC").Limit(1).Scan(ctx)
		if err := found(err, ErrNothingUndo, "find judgement"); err != nil {
			return err
		}
		box, err := j.box(last.BoxID)
		if err != nil {
			return err
		}
		if err := j.refuseOvertaken(ctx, last); err != nil {
			return err
		}
		if last.Action == "draw" {
			return j.erase(ctx, box)
		}
		var before boxState
		if err := json.Unmarshal([]byte(last.BeforeState), &before); err != nil {
			return fmt.Errorf("read judgement %s: %w", last.ID, err)
		}
		box.setRect(before.Rect)
		box.VerifiedGuessID, box.Rejected = before.VerifiedGuessID, before.Rejected
		box.Comment, box.ReviewedAt, box.UpdatedAt = before.Comment, before.ReviewedAt, j.now
		if _, err := j.tx.NewUpdate().Model(box).WherePK().Exec(ctx); err != nil {
			return fmt.Errorf("restore box: %w", err)
		}
		if _, err := j.tx.NewUpdate().Model((*feedback)(nil)).Set("undone = ?", true).
			Where("id = ?", last.ID).Exec(ctx); err != nil {
			return fmt.Errorf("mark judgement undone: %w", err)
		}
		return nil
	})
}

// refuseOvertaken keeps an undo from wiping out what somebody else has said of
// the box since.
func (j *judging) refuseOvertaken(ctx context.Context, last feedback) error {
	since, err := j.tx.NewSelect().Model((*feedback)(nil)).
		Where("box_id = ? AND NOT undone AND user_id <> ?", last.BoxID, j.caller.UserID).
		Where("(created_at, id) > (?, ?)", last.CreatedAt, last.ID).Exists(ctx)
	if err != nil {
		return fmt.Errorf("look for later judgements: %w", err)
	}
	if since {
		return ErrJudgedSince
	}
	return nil
}

// erase removes a drawn box; its judgements go with it.
func (j *judging) erase(ctx context.Context, box *Box) error {
	id := box.ID
	if _, err := j.tx.NewDelete().Model((*Box)(nil)).Where("id = ?", id).Exec(ctx); err != nil {
		return fmt.Errorf("erase drawn box: %w", err)
	}
	kept := j.inference.Boxes[:0]
	for _, b := range j.inference.Boxes {
		if b.ID != id {
			kept = append(kept, b)
		}
	}
	j.inference.Boxes = kept
	return nil
}
