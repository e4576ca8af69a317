package worker

import (
	"encoding/json"
	"math"

	"granary/internal/platform/fault"
	"granary/internal/vision/engine"
)

const (
	// maxBoxes and maxGuesses bound the answer about one picture.
	maxBoxes   = 5000
	maxGuesses = 1000
	// farOutside is how many picture sides a coordinate may lie off.
	farOutside = 1000
)

// result is what a worker answers about one picture: boxes of a detect job,
// guesses of a classify job.
type result struct {
	Boxes   *[]box  `json:"boxes"`
	Guesses []guess `json:"guesses"`
}

// box is one object. Box is left, top, right, bottom in fractions of the sides.
type box struct {
	Box     []float64 `json:"box"`
	Label   string    `json:"label"`
	Score   float64   `json:"score"`
	Guesses []guess   `json:"guesses"`
}

type guess struct {
	Label string   `json:"label"`
	Score *float64 `json:"score"`
}

// parseReply reads the answer about n pictures. Fields it does not know are
// ignored. Errors: fault.Invalid.
func parseReply(model string, what task, raw json.RawMessage, n int) ([]result, error) {
	var reply struct {
		Pictures []result `json:"pictures"`
	}
	if err := json.Unmarshal(raw, &reply); err != nil {
		return nil, senseless(model, "no object with pictures")
	}
	if len(reply.Pictures) != n {
		return nil, senseless(model, "not one answer for each picture")
	}
	for _, r := range reply.Pictures {
		if problem := r.problem(what); problem != "" {
			return nil, senseless(model, problem)
		}
	}
	return reply.Pictures, nil
}

// problem describes what is wrong with an answer; empty when nothing is.
func (r result) problem(what task) string {
	switch {
	case what == classify && len(r.Guesses) == 0:
		return "a picture without guesses"
	case what == classify:
		return wrong(r.Guesses)
	case r.Boxes == nil:
		return "a picture without a list of boxes"
	case len(*r.Boxes) > maxBoxes:
		return "too many boxes"
	}
	for _, b := range *r.Boxes {
		if len(b.Box) != 4 || !within(b.Box) || b.Box[2] < b.Box[0] || b.Box[3] < b.Box[1] {
			return "a box without usable coordinates"
		}
		if !(b.Score >= 0 && b.Score <= 1) {
			return "a score outside 0..1"
		}
		if problem := wrong(b.Guesses); problem != "" {
			return problem
		}
	}
	return ""
}

// wrong describes what is wrong with a list of guesses.
func wrong(list []guess) string {
	if len(list) > maxGuesses {
		return "too many labels"
	}
	best := 1.0
	for _, g := range list {
		if g.Label == "" || g.Score == nil || !(*g.Score >= 0 && *g.Score <= best) {
			return "guesses that are not labels with scores in 0..1, best first"
		}
		best = *g.Score
	}
	return ""
}

func within(values []float64) bool {
	for _, v := range values {
		if math.Abs(v) > farOutside { // JSON has no NaN
			return false
		}
	}
	return true
}

// detections returns the boxes in the form of an engine.
func (r result) detections() []engine.Detection {
	out := make([]engine.Detection, len(*r.Boxes))
	for i, b := range *r.Boxes {
		out[i] = engine.Detection{
			Box:   engine.Box{TopX: b.Box[0], TopY: b.Box[1], BottomX: b.Box[2], BottomY: b.Box[3]},
			Label: b.Label, Score: b.Score, Guesses: guesses(b.Guesses),
		}
	}
	return out
}

func guesses(list []guess) []engine.Guess {
	var out []engine.Guess
	for _, g := range list {
		out = append(out, engine.Guess{Label: g.Label, Score: *g.Score})
	}
	return out
}

// senseless describes an answer without repeating any of it.
func senseless(model, found string) error {
	return fault.New(fault.Invalid, "the answer of model %s makes no sense: %s", model, found)
}
