package vision

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"granary/internal/platform/fault"
)

const (
	// maxHistory bounds the inferences of one picture that are listed.
	maxHistory = 200
	// maxJudgements bounds the judgements of one inference that are listed.
	maxJudgements = 500
)

// PictureInferences lists what was said of a picture that the caller may look
// at, newest first and at most 200, without boxes.
func (s *Service) PictureInferences(ctx context.Context, pictureID string) ([]Inference, error) {
	if _, _, err := s.Picture(ctx, pictureID); err != nil {
		return nil, err
	}
	inferences := []Inference{}
	err := s.db.Reader().NewSelect().Model(&inferences).Where("picture_id = ?", pictureID).
		Order("created_at DESC", "id DESC").Limit(maxHistory).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("list inferences of a picture: %w", err)
	}
	return inferences, readModels(inferences)
}

func readModels(inferences []Inference) error {
	for i := range inferences {
		if err := json.Unmarshal([]byte(inferences[i].ModelsJSON), &inferences[i].Models); err != nil {
			return fmt.Errorf("read models of inference %s: %w", inferences[i].ID, err)
		}
	}
	return nil
}

// PipelineInferences lists what a pipeline said, newest first, without boxes:
// of the caller's pictures, or of everybody's for stewards and admins. It goes
// on behind the inference with id after ("" for the newest), at most limit.
func (s *Service) PipelineInferences(ctx context.Context, pipelineID, after string, limit int) ([]Inference, error) {
	caller, err := s.caller(ctx)
	if err != nil {
		return nil, err
	}
	inferences := []Inference{}
	query := s.db.Reader().NewSelect().Model(&inferences).Where("inference.pipeline_id = ?", pipelineID).
		Order("inference.created_at DESC", "inference.id DESC").Limit(int64(min(max(limit, 1), 1000)))
	if after != "" {
		query.Where("(inference.created_at, inference.id) < (SELECT a.created_at, a.id FROM vision_inferences AS a WHERE a.id = ?)", after)
	}
	if permitSteward(caller) != nil {
		query.Where(`EXISTS (SELECT 1 FROM vision_pictures AS p JOIN vision_picture_sets AS t ON t.id = p.set_id
			WHERE p.id = inference.picture_id AND t.owner_id = ?)`, caller.UserID)
	}
	if err := query.Scan(ctx); err != nil {
		return nil, fmt.Errorf("list inferences of a pipeline: %w", err)
	}
	return inferences, readModels(inferences)
}

// Judgement is a line of the record of judgements.
type Judgement struct {
	BoxID string
	// Action is confirm, correct, reject, draw, move or reopen.
	Action string
	// Who is the judge's e-mail address, or their id when the account is gone.
	Who    string
	Undone bool
	At     time.Time
}

// Judgements lists who judged the boxes of an inference that the caller may
// look at, newest first and at most 500. A drawn box that was undone takes its
// lines with it.
func (s *Service) Judgements(ctx context.Context, inferenceID string) ([]Judgement, error) {
	var pictureID string
	err := s.db.Reader().NewSelect().Model((*Inference)(nil)).Column("picture_id").
		Where("id = ?", inferenceID).Scan(ctx, &pictureID)
	if err := found(err, ErrNoInference, "read inference"); err != nil {
		return nil, err
	}
	if _, _, err := s.Picture(ctx, pictureID); err != nil {
		return nil, err
	}
	var rows []feedback
	err = s.db.Reader().NewSelect().Model(&rows).Where("inference_id = ?", inferenceID).
		Order("created_at DESC", "id DESC").Limit(maxJudgements).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("list judgements: %w", err)
	}
	judgements, names := make([]Judgement, len(rows)), map[string]string{}
	for i, row := range rows {
		name, known := names[row.UserID]
		if !known {
			user, err := s.users.UserByID(ctx, row.UserID)
			if err != nil && !fault.Is(err, fault.NotFound) {
				return nil, err
			}
			name = cmp.Or(user.Email, row.UserID)
			names[row.UserID] = name
		}
		judgements[i] = Judgement{BoxID: row.BoxID, Action: row.Action, Who: name, Undone: row.Undone, At: row.CreatedAt}
	}
	return judgements, nil
}

// BoxCounts returns how many boxes each of the inferences has, and how many of
// those were reviewed; for lists of inferences that the caller was given.
func (s *Service) BoxCounts(ctx context.Context, inferences []Inference) (map[string]BoxCount, error) {
	counts := map[string]BoxCount{}
	if len(inferences) == 0 {
		return counts, nil
	}
	ids := make([]string, len(inferences))
	for i := range inferences {
		ids[i] = inferences[i].ID
	}
	var rows []BoxCount
	err := s.db.Reader().NewSelect().TableExpr("vision_boxes AS b").
		ColumnExpr("b.inference_id, COUNT(*) AS boxes").
		ColumnExpr("SUM(CASE WHEN b.rejected OR b.verified_guess_id <> '' THEN 1 ELSE 0 END) AS reviewed").
		Where("b.inference_id IN (?)", bun.List(ids)).GroupExpr("b.inference_id").Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("count boxes: %w", err)
	}
	for _, row := range rows {
		counts[row.InferenceID] = row
	}
	return counts, nil
}

// BoxCount is how many boxes an inference has.
type BoxCount struct {
	InferenceID     string
	Boxes, Reviewed int64
}
