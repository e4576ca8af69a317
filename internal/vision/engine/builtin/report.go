package builtin

import (
	"math"

	"granary/internal/vision/engine/builtin/feature"
)

// Report says how well a classifier does on examples that it has not seen: the
// held-out folds of a cross-validation.
type Report struct {
	// Model names the kind of classifier and its setting.
	Model string `json:"model"`
	// FeatureVersion and Features name what it looks at.
	FeatureVersion int      `json:"feature_version"`
	Features       []string `json:"features"`
	// Labels, sorted; Recall, Precision, F1, Support and Confusion follow their
	// order.
	Labels []string `json:"labels"`
	// Examples were learned from, Scored of them were held out once.
	Examples int `json:"examples"`
	Scored   int `json:"scored"`
	// Accuracy is the share of the scored examples that were named right.
	Accuracy float64 `json:"accuracy"`
	// MacroF1 is the mean F1 of the labels with scored examples.
	MacroF1   float64   `json:"macro_f1"`
	Recall    []float64 `json:"recall"`
	Precision []float64 `json:"precision"`
	F1        []float64 `json:"f1"`
	// Support is how many scored examples each label has; 0 for a label that
	// has only one example.
	Support []int `json:"support"`
	// Confusion counts scored examples: the row is the expert's label, the
	// column the classifier's.
	Confusion [][]int `json:"confusion"`
	// Grouped tells that whole groups were held out, as Example.Group says;
	// without groups, or with too few, each example was held out alone.
	Grouped bool `json:"grouped"`
	// FoldAccuracy is the accuracy in each fold.
	FoldAccuracy []float64 `json:"fold_accuracy"`
	// LogLoss is the mean negative logarithm of the right label's calibrated
	// probability.
	LogLoss float64 `json:"log_loss"`
	// CalibrationError is the expected calibration error over ten bins of the
	// best score (Naeini et al. 2015); the temperature was fitted without the
	// fold that is judged.
	CalibrationError float64 `json:"calibration_error"`
	Temperature      float64 `json:"temperature"`
	// Candidates are all that were tried; empty for Evaluate.
	Candidates []Candidate `json:"candidates,omitempty"`
}

// Candidate is one recipe that cross-validation judged.
type Candidate struct {
	Name     string  `json:"name"`
	Accuracy float64 `json:"accuracy"`
	LogLoss  float64 `json:"log_loss"`
}

// NotWorse tells whether a new version may replace the one in use: its
// accuracy on the same held-out folds is at least as high. Compare Train's
// report with Evaluate's over the same examples and options.
func (r Report) NotWorse(inUse Report) bool {
	// A hundredth of an example absorbs rounding.
	return r.Accuracy >= inUse.Accuracy-0.01/float64(max(r.Scored, 1))
}

func (a *answers) report(d *dataset, model string) Report {
	labels := len(d.labels)
	r := Report{
		Model: model, FeatureVersion: feature.Version, Features: feature.Names(),
		Labels: d.labels, Examples: len(d.x), Temperature: a.temperature, Grouped: d.grouped,
		Recall: make([]float64, labels), Precision: make([]float64, labels), F1: make([]float64, labels),
		Support: make([]int, labels), Confusion: make([][]int, labels), FoldAccuracy: make([]float64, d.folds),
	}
	for k := range r.Confusion {
		r.Confusion[k] = make([]int, labels)
	}
	perFold := make([]int, d.folds)
	right := 0
	a.each(func(i int) {
		answer := argmax(a.logits[i])
		r.Confusion[a.truth[i]][answer]++
		r.Support[a.truth[i]]++
		r.Scored++
		perFold[a.fold[i]]++
		if answer == a.truth[i] {
			right++
			r.FoldAccuracy[a.fold[i]]++
		}
	})
	for f, n := range perFold {
		r.FoldAccuracy[f] /= float64(max(n, 1))
	}
	r.Accuracy = float64(right) / float64(max(r.Scored, 1))
	scored := 0.0
	for k := range labels {
		answered := 0
		for j := range labels {
			answered += r.Confusion[j][k]
		}
		hit := float64(r.Confusion[k][k])
		r.Recall[k] = hit / float64(max(r.Support[k], 1))
		r.Precision[k] = hit / float64(max(answered, 1))
		if hit > 0 {
			r.F1[k] = 2 * r.Recall[k] * r.Precision[k] / (r.Recall[k] + r.Precision[k])
		}
		if r.Support[k] > 0 {
			scored++
			r.MacroF1 += r.F1[k]
		}
	}
	r.MacroF1 /= max(scored, 1)
	r.LogLoss = a.logLoss(a.temperature, func(int) bool { return true })
	r.CalibrationError = a.calibrationError(d.folds)
	return r
}

// calibrationError bins the scores as Classify gives them.
func (a *answers) calibrationError(folds int) float64 {
	const bins = 10
	var sum, hits, count [bins]float64
	all := 0.0
	similar := familiar{usual: float32(a.usual)}
	for fold := range folds {
		temperature := a.bestTemperature(func(i int) bool { return a.fold[i] != fold })
		a.each(func(i int) {
			if a.fold[i] != fold {
				return
			}
			p := scaled(a.logits[i], temperature)
			best := argmax(p)
			score := p[best] * similar.fall(a.distance[i])
			b := min(int(score*bins), bins-1)
			sum[b] += score
			count[b]++
			all++
			if best == a.truth[i] {
				hits[b]++
			}
		})
	}
	gap := 0.0
	for b := range count {
		gap += math.Abs(sum[b] - hits[b])
	}
	return gap / max(all, 1)
}
