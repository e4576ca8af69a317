package vision

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/uptrace/bun"
)

// ModelName is a model's name and version as it answered.
type ModelName struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Rect is a rectangle in pixels of the picture, from the top left corner.
type Rect struct {
	TopX    float64 `json:"topX"`
	TopY    float64 `json:"topY"`
	BottomX float64 `json:"bottomX"`
	BottomY float64 `json:"bottomY"`
}

// Guess is one seed that a model, or an expert, named for a box.
type Guess struct {
	bun.BaseModel `bun:"table:vision_guesses" json:"-"`

	ID       string  `bun:"id,pk" json:"id"`
	BoxID    string  `bun:"box_id" json:"-"`
	SeedID   string  `bun:"seed_id" json:"seed_id"`
	Label    string  `bun:"label" json:"label"`
	Score    float64 `bun:"score" json:"score"`
	Position int     `bun:"position" json:"-"`
}

// Box is one object found in, or drawn on, a picture.
type Box struct {
	bun.BaseModel `bun:"table:vision_boxes,alias:b" json:"-"`

	ID                 string    `bun:"id,pk" json:"id"`
	InferenceID        string    `bun:"inference_id" json:"-"`
	Position           int       `bun:"position" json:"position"`
	TopX               float64   `bun:"top_x" json:"-"`
	TopY               float64   `bun:"top_y" json:"-"`
	BottomX            float64   `bun:"bottom_x" json:"-"`
	BottomY            float64   `bun:"bottom_y" json:"-"`
	Colour             string    `bun:"colour" json:"-"` // JSON: "#RRGGBB" or [r,g,b]
	Overlapping        bool      `bun:"overlapping" json:"overlapping"`
	OverlappingIndices string    `bun:"overlapping_indices" json:"-"` // JSON list
	Label              string    `bun:"label" json:"label"`           // as the model said it
	Score              float64   `bun:"score" json:"score"`
	TopGuessID         string    `bun:"top_guess_id" json:"-"`
	VerifiedGuessID    string    `bun:"verified_guess_id" json:"-"`
	Rejected           bool      `bun:"rejected" json:"rejected"`
	Manual             bool      `bun:"manual" json:"manual"`
	Comment            string    `bun:"comment" json:"comment"`
	ReviewedAt         time.Time `bun:"reviewed_at,nullzero" json:"reviewed_at,omitzero"`
	UpdatedAt          time.Time `bun:"updated_at" json:"updated_at"`

	Guesses []Guess `bun:"-" json:"guesses"`
}

// Rect returns where the box is, in pixels.
func (b *Box) Rect() Rect { return Rect{b.TopX, b.TopY, b.BottomX, b.BottomY} }

func (b *Box) setRect(r Rect) {
	b.TopX, b.TopY, b.BottomX, b.BottomY = r.TopX, r.TopY, r.BottomX, r.BottomY
}

// Verified reports whether an expert has named the box.
func (b *Box) Verified() bool { return b.VerifiedGuessID != "" }

// Reviewed reports whether an expert has judged the box either way.
func (b *Box) Reviewed() bool { return b.Verified() || b.Rejected }

// Current returns the guess that counts: the expert's, else the model's best.
func (b *Box) Current() (Guess, bool) {
	want := b.TopGuessID
	if b.Verified() {
		want = b.VerifiedGuessID
	}
	for _, g := range b.Guesses {
		if g.ID == want {
			return g, true
		}
	}
	return Guess{}, false
}

// Inference is what one pipeline said of one picture, and what experts made of it.
type Inference struct {
	bun.BaseModel `bun:"table:vision_inferences" json:"-"`

	ID             string    `bun:"id,pk" json:"id"`
	PictureID      string    `bun:"picture_id" json:"picture_id"`
	UserID         string    `bun:"user_id" json:"user_id"`
	PipelineID     string    `bun:"pipeline_id,nullzero" json:"pipeline_id"`
	PipelineName   string    `bun:"pipeline_name" json:"pipeline_name"`
	ModelsJSON     string    `bun:"models" json:"-"`
	FileName       string    `bun:"file_name" json:"file_name"`
	Width          float64   `bun:"width" json:"width"`
	Height         float64   `bun:"height" json:"height"`
	Verified       bool      `bun:"verified" json:"verified"`
	FeedbackUserID string    `bun:"feedback_user_id,nullzero" json:"feedback_user_id,omitempty"`
	CreatedAt      time.Time `bun:"created_at" json:"created_at"`
	UpdatedAt      time.Time `bun:"updated_at" json:"updated_at"`

	// Boxes are in the order of the first answer; drawn ones follow.
	Boxes  []Box       `bun:"-" json:"boxes"`
	Models []ModelName `bun:"-" json:"models"`
}

// Inference returns an inference that the caller may look at.
func (s *Service) Inference(ctx context.Context, id string) (Inference, error) {
	inference, err := s.readInference(ctx, s.db.Reader(), id)
	if err != nil {
		return Inference{}, err
	}
	if _, _, err := s.Picture(ctx, inference.PictureID); err != nil {
		return Inference{}, err
	}
	return inference, nil
}

// LatestInference returns the newest inference of a picture that the caller
// may look at, or ErrNoInference.
func (s *Service) LatestInference(ctx context.Context, pictureID string) (Inference, error) {
	if _, _, err := s.Picture(ctx, pictureID); err != nil {
		return Inference{}, err
	}
	var id string
	err := s.db.Reader().NewSelect().Model((*Inference)(nil)).Column("id").
		Where("picture_id = ?", pictureID).Order("created_at DESC", "id DESC").Limit(1).Scan(ctx, &id)
	if err := found(err, ErrNoInference, "find inference"); err != nil {
		return Inference{}, err
	}
	return s.readInference(ctx, s.db.Reader(), id)
}

// readInference rebuilds an inference from its rows.
func (s *Service) readInference(ctx context.Context, db bun.IDB, id string) (Inference, error) {
	var inference Inference
	err := db.NewSelect().Model(&inference).Where("id = ?", id).Scan(ctx)
	if err := found(err, ErrNoInference, "read inference"); err != nil {
		return Inference{}, err
	}
	if err := json.Unmarshal([]byte(inference.ModelsJSON), &inference.Models); err != nil {
		return Inference{}, fmt.Errorf("read models of inference %s: %w", id, err)
	}
	inference.Boxes, err = readBoxes(ctx, db, id)
	return inference, err
}

// readBoxes returns the boxes of an inference with their guesses.
func readBoxes(ctx context.Context, db bun.IDB, inferenceID string) ([]Box, error) {
	boxes := []Box{}
	if err := db.NewSelect().Model(&boxes).Where("b.inference_id = ?", inferenceID).
		Order("b.position", "b.id").Scan(ctx); err != nil {
		return nil, fmt.Errorf("read boxes: %w", err)
	}
	var guesses []Guess
	if err := db.NewSelect().Model(&guesses).
		Where("box_id IN (SELECT b.id FROM vision_boxes AS b WHERE b.inference_id = ?)", inferenceID).
		Order("box_id", "position", "id").Scan(ctx); err != nil {
		return nil, fmt.Errorf("read guesses: %w", err)
	}
	at := make(map[string]int, len(boxes))
	for i := range boxes {
		at[boxes[i].ID] = i
	}
	for _, g := range guesses {
		box := &boxes[at[g.BoxID]]
		box.Guesses = append(box.Guesses, g)
	}
	return boxes, nil
}
