package azureml

import (
	"bytes"
	"encoding/json"
	"math"

	"granary/internal/platform/fault"
	"granary/internal/vision/engine"
)

const (
	// maxBoxes and maxGuesses bound one answer.
	maxBoxes   = 5000
	maxGuesses = 1000
	// farOutside is how many picture sides a coordinate may lie off.
	farOutside = 1000
)

// reply is a detector's answer; a complete model also fills topN.
type reply struct {
	Boxes *[]struct {
		Box *struct {
			TopX    *float64 `json:"topX"`
			TopY    *float64 `json:"topY"`
			BottomX *float64 `json:"bottomX"`
			BottomY *float64 `json:"bottomY"`
		} `json:"box"`
		Label string  `json:"label"`
		Score float64 `json:"score"`
		TopN  []guess `json:"topN"`
	} `json:"boxes"`
}

type guess struct {
	Label *string  `json:"label"`
	Score *float64 `json:"score"`
}

// parseDetections reads an object or a list of one object. Fields it does not
// know are ignored: models add what they like.
func parseDetections(model string, body []byte) ([]engine.Detection, error) {
	var answer reply
	var err error
	if body = bytes.TrimSpace(body); len(body) > 0 && body[0] == '[' {
		var list []reply
		if err = json.Unmarshal(body, &list); err == nil && len(list) == 1 {
			answer = list[0]
		}
	} else {
		err = json.Unmarshal(body, &answer)
	}
	if err != nil || answer.Boxes == nil {
		return nil, senseless(model, "no object with boxes")
	}
	boxes := *answer.Boxes
	if len(boxes) > maxBoxes {
		return nil, senseless(model, "too many boxes")
	}
	out := make([]engine.Detection, len(boxes))
	for i, b := range boxes {
		if b.Box == nil || !within(b.Box.TopX, b.Box.TopY, b.Box.BottomX, b.Box.BottomY) ||
			*b.Box.BottomX < *b.Box.TopX || *b.Box.BottomY < *b.Box.TopY {
			return nil, senseless(model, "a box without usable coordinates")
		}
		guesses, err := toGuesses(model, b.TopN)
		if err != nil {
			return nil, err
		}
		out[i] = engine.Detection{
			Box:   engine.Box{TopX: *b.Box.TopX, TopY: *b.Box.TopY, BottomX: *b.Box.BottomX, BottomY: *b.Box.BottomY},
			Label: b.Label, Score: b.Score, Guesses: guesses,
		}
	}
	return out, nil
}

// parseGuesses reads a list of labels with scores; an empty one makes no sense
// for a classifier.
func parseGuesses(model string, body []byte) ([]engine.Guess, error) {
	var list []guess
	if err := json.Unmarshal(body, &list); err != nil || len(list) == 0 {
		return nil, senseless(model, "no list of labels with scores")
	}
	return toGuesses(model, list)
}

func toGuesses(model string, list []guess) ([]engine.Guess, error) {
	if len(list) > maxGuesses {
		return nil, senseless(model, "too many labels")
	}
	var out []engine.Guess
	for _, g := range list {
		if g.Label == nil || g.Score == nil {
			return nil, senseless(model, "a guess without label or score")
		}
		out = append(out, engine.Guess{Label: *g.Label, Score: *g.Score})
	}
	return out, nil
}

func within(values ...*float64) bool {
	for _, v := range values {
		if v == nil || math.Abs(*v) > farOutside { // JSON has no NaN
			return false
		}
	}
	return true
}

// senseless describes an answer without repeating any of it.
func senseless(model, found string) error {
	return fault.New(fault.Invalid, "the answer of model %s makes no sense: %s", model, found)
}
