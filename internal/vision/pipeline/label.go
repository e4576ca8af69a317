package pipeline

import (
	"strings"

	"granary/internal/vision/engine"
)

// dropNumber removes the first word of a label when it is a number and another
// word follows. The original drops any first word, which empties labels of one
// word and mutilates names without a number.
func dropNumber(label string) string {
	first, rest, found := strings.Cut(label, " ")
	if !found || first == "" || strings.Trim(first, "0123456789") != "" || strings.TrimSpace(rest) == "" {
		return label
	}
	return strings.TrimSpace(rest)
}

// relabel returns the guesses with dropNumber applied to each label.
func relabel(guesses []engine.Guess) []engine.Guess {
	out := make([]engine.Guess, len(guesses))
	for i, g := range guesses {
		out[i] = engine.Guess{Label: dropNumber(g.Label), Score: g.Score}
	}
	return out
}
