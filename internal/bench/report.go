package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"
)

// Figure is one measured quantity.
type Figure struct {
	Name string `json:"name"`
	Unit string `json:"unit"`
	// Rounds are the figure of each round, in the order of measuring.
	Rounds []float64 `json:"rounds"`
	// Median is the median of Rounds: the published figure.
	Median float64 `json:"median"`
	// Target is the promised figure; 0 when none is promised.
	Target float64 `json:"target,omitempty"`
	// AtLeast tells that more is better; otherwise less is.
	AtLeast bool `json:"at_least,omitempty"`
}

// Met reports whether the figure reaches its target; true without one.
func (f Figure) Met() bool {
	switch {
	case f.Target == 0:
		return true
	case f.AtLeast:
		return f.Median >= f.Target
	default:
		return f.Median <= f.Target
	}
}

// Section is a group of figures that were measured the same way.
type Section struct {
	Title   string   `json:"title"`
	Figures []Figure `json:"figures"`
}

// Report is the outcome of one run.
type Report struct {
	Machine  Machine       `json:"machine"`
	Version  string        `json:"version"`
	Quick    bool          `json:"quick"`
	Started  time.Time     `json:"started_at"`
	Took     time.Duration `json:"took_nanoseconds"`
	Sections []Section     `json:"sections"`
}

// add appends a figure with the given rounds to the section.
func (s *Section) add(name, unit string, rounds ...float64) *Figure {
	s.Figures = append(s.Figures, Figure{Name: name, Unit: unit, Rounds: rounds, Median: median(rounds)})
	return &s.Figures[len(s.Figures)-1]
}

func (f *Figure) atMost(target float64)  { f.Target = target }
func (f *Figure) atLeast(target float64) { f.Target, f.AtLeast = target, true }

// JSON writes the report for programs.
func (r *Report) JSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}

// Table writes the report for people.
func (r *Report) Table(w io.Writer) error {
	fmt.Fprintf(w, "%s\ngranary %s, %s, %.0f s\n", r.Machine, r.Version, r.Started.UTC().Format("2006-01-02 15:04 MST"), r.Took.Seconds())
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, s := range r.Sections {
		fmt.Fprintf(table, "\n%s\tmedian\tleast\tmost\ttarget\t\n", s.Title)
		for _, f := range s.Figures {
			target, verdict := "", ""
			if f.Target != 0 {
				sign := "≤ "
				if f.AtLeast {
					sign = "≥ "
				}
				target, verdict = sign+number(f.Target), "reached"
				if !f.Met() {
					verdict = "missed"
				}
			}
			fmt.Fprintf(table, "  %s [%s]\t%s\t%s\t%s\t%s\t%s\n", f.Name, f.Unit, number(f.Median),
				number(slices.Min(f.Rounds)), number(slices.Max(f.Rounds)), target, verdict)
		}
	}
	return table.Flush()
}

// number writes three significant digits, and whole numbers beyond that.
func number(v float64) string {
	switch {
	case v >= 100 || v == float64(int64(v)):
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	default:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
}

// median returns the middle of values, which must not be empty.
func median(values []float64) float64 { return quantile(values, 0.5) }

// quantile returns the smallest value that at least the share q of the values
// do not exceed. It does not change values, which must not be empty.
func quantile(values []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	rank := int(q*float64(len(sorted)) + 0.999999)
	return sorted[min(max(rank, 1), len(sorted))-1]
}

// milliseconds converts durations.
func milliseconds(durations []time.Duration) []float64 {
	out := make([]float64, len(durations))
	for i, d := range durations {
		out[i] = float64(d) / float64(time.Millisecond)
	}
	return out
}
