package vision

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"granary/internal/platform/database"
	"granary/internal/platform/fault"
	"granary/internal/platform/identity"
)

// judging is one feedback transaction at work.
type judging struct {
	s         *Service
	tx        database.Tx
	caller    identity.Principal
	inference *Inference
	now       time.Time
}

func (j *judging) correct(ctx context.Context, c Correction) error {
	rect, err := normalise(c.Rect)
	if err != nil {
		return err
	}
	if c.BoxID == "" {
		return j.draw(ctx, c, rect)
	}
	box, err := j.box(c.BoxID)
	if err != nil {
		return err
	}
	if box.Verified() {
		return &BoxError{BoxID: c.BoxID, err: ErrBoxVerified}
	}
	before := box.state()
	box.setRect(rect)
	box.Comment = c.Comment
	if c.SeedID == "" && c.SeedName == "" {
		box.Rejected = true
		return j.save(ctx, box, "reject", before)
	}
	seed, err := j.s.chosenSeed(ctx, j.tx, c.SeedID, c.SeedName)
	if err != nil {
		return err
	}
	if box.VerifiedGuessID, err = j.guessFor(ctx, box, seed); err != nil {
		return err
	}
	box.Rejected = false
	return j.save(ctx, box, "correct", before)
}

// draw adds a box that the expert drew; it is verified at once.
func (j *judging) draw(ctx context.Context, c Correction, rect Rect) error {
	if c.SeedID == "" && c.SeedName == "" {
		return fault.New(fault.Invalid, "a drawn box needs a seed")
	}
	if len(j.inference.Boxes) >= j.s.cfg.MaxBoxes {
		return fault.New(fault.TooLarge, "an inference may have at most %d boxes", j.s.cfg.MaxBoxes)
	}
	seed, err := j.s.chosenSeed(ctx, j.tx, c.SeedID, c.SeedName)
	if err != nil {
		return err
	}
	position := 0
	for i := range j.inference.Boxes {
		position = max(position, j.inference.Boxes[i].Position+1)
	}
	guess := Guess{ID: newID(), SeedID: seed.ID, Label: seed.Name}
	box := Box{
		ID: newID(), InferenceID: j.inference.ID, Position: position,
		Colour: drawnColour(j.inference.Boxes, seed.Name), OverlappingIndices: "[]", Label: seed.Name, Score: 1,
		TopGuessID: guess.ID, VerifiedGuessID: guess.ID, Manual: true,
		Comment: c.Comment, ReviewedAt: j.now, UpdatedAt: j.now,
	}
	box.setRect(rect)
	guess.BoxID = box.ID
	if _, err := j.tx.NewInsert().Model(&box).Exec(ctx); err != nil {
		return fmt.Errorf("insert box: %w", err)
	}
	if _, err := j.tx.NewInsert().Model(&guess).Exec(ctx); err != nil {
		return fmt.Errorf("insert guess: %w", err)
	}
	j.inference.Boxes = append(j.inference.Boxes, box)
	return j.record(ctx, box.ID, "draw", boxState{Rect: rect})
}

// drawnColour reuses the colour of a box with the same label.
func drawnColour(boxes []Box, label string) string {
	for i := range boxes {
		if g, ok := boxes[i].Current(); ok && g.Label == label {
			return boxes[i].Colour
		}
	}
	return `"#ED1C24"`
}

func (j *judging) box(id string) (*Box, error) {
	for i := range j.inference.Boxes {
		if j.inference.Boxes[i].ID == id {
			return &j.inference.Boxes[i], nil
		}
	}
	return nil, &BoxError{BoxID: id, err: ErrNoBox}
}

// guessFor returns the box's guess for the seed, adding one of score 0 when no
// model named it.
func (j *judging) guessFor(ctx context.Context, box *Box, seed Seed) (string, error) {
	for _, g := range box.Guesses {
		if g.SeedID == seed.ID {
			return g.ID, nil
		}
	}
	guess := Guess{ID: newID(), BoxID: box.ID, SeedID: seed.ID, Label: seed.Name, Position: len(box.Guesses)}
	if _, err := j.tx.NewInsert().Model(&guess).Exec(ctx); err != nil {
		return "", fmt.Errorf("insert guess: %w", err)
	}
	box.Guesses = append(box.Guesses, guess)
	return guess.ID, nil
}

// save writes a judged box and records the judgement.
func (j *judging) save(ctx context.Context, box *Box, verb string, before boxState) error {
	box.ReviewedAt = j.now
	return j.keep(ctx, box, verb, before)
}

// keep writes a change that is no judgement, which leaves the time of review to
// its caller, and records it for Undo.
func (j *judging) keep(ctx context.Context, box *Box, verb string, before boxState) error {
	box.UpdatedAt = j.now
	if _, err := j.tx.NewUpdate().Model(box).WherePK().Exec(ctx); err != nil {
		return fmt.Errorf("update box: %w", err)
	}
	return j.record(ctx, box.ID, verb, before)
}

func (j *judging) record(ctx context.Context, boxID, verb string, before boxState) error {
	state, err := json.Marshal(before)
	if err != nil {
		return fmt.Errorf("record judgement: %w", err)
	}
	line := feedback{
		ID: newID(), InferenceID: j.inference.ID, BoxID: boxID, UserID: j.caller.UserID,
		Action: verb, BeforeState: string(state), CreatedAt: j.now,
	}
	if _, err := j.tx.NewInsert().Model(&line).Exec(ctx); err != nil {
		return fmt.Errorf("record judgement: %w", err)
	}
	return nil
}
