package openinference

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"granary/internal/vision/engine"
)

const (
	// maxCandidates bounds the boxes before, maxDetections after filtering.
	maxCandidates = 200_000
	maxDetections = 5000
)

// candidate is a box in tensor pixels with its class.
type candidate struct {
	x0, y0, x1, y1 float64
	class          int
	score          float64
	row            []float64 // all class scores, nil where there is one
}

// detections reads boxes out of the answer's tensors.
func (o Options) detections(outputs map[string]tensor, p placement) ([]engine.Detection, error) {
	candidates, err := o.candidates(outputs)
	if err != nil {
		return nil, err
	}
	candidates = o.suppress(candidates)
	if len(candidates) > maxDetections {
		return nil, fmt.Errorf("more than %d boxes", maxDetections)
	}
	out := make([]engine.Detection, len(candidates))
	for i, c := range candidates {
		label, err := o.label(c.class)
		if err != nil {
			return nil, err
		}
		out[i] = engine.Detection{Box: p.box(c.x0, c.y0, c.x1, c.y1), Label: label, Score: c.score}
		if len(c.row) > 1 {
			if out[i].Guesses, err = o.rank(c.row); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// candidates reads every box that reaches the threshold.
func (o Options) candidates(outputs map[string]tensor) ([]candidate, error) {
	boxes, ok := outputs[o.Outputs.Boxes]
	scores, found := outputs[o.Outputs.Scores]
	if !ok || !found {
		return nil, errors.New("no tensors for boxes and scores")
	}
	shape := boxes.squeeze(2)
	if len(shape) != 2 || shape[1] != 4 {
		return nil, fmt.Errorf("boxes of shape %.10v", boxes.shape)
	}
	n := shape[0]
	if n > maxCandidates {
		return nil, fmt.Errorf("more than %d boxes", maxCandidates)
	}
	perBox := 0
	if n > 0 {
		perBox = len(scores.values) / n
	}
	if perBox*n != len(scores.values) || n > 0 && perBox == 0 {
		return nil, fmt.Errorf("%d scores for %d boxes", len(scores.values), n)
	}
	classes := outputs[o.Outputs.Classes].values
	if o.Outputs.Classes != "" && len(classes) != n {
		return nil, fmt.Errorf("%d classes for %d boxes", len(classes), n)
	}
	var out []candidate
	for i := range n {
		c := o.corners(boxes.values[4*i : 4*i+4])
		row := scores.values[i*perBox : (i+1)*perBox]
		if o.Softmax {
			row = softmax(row)
		}
		for class, score := range row {
			if class == 0 || score > c.score {
				c.class, c.score = class, score
			}
		}
		if o.Outputs.Classes != "" {
			c.class = -1 // fails in label, as the absurd and what is no number must
			if classes[i] >= 0 {
				c.class = int(min(classes[i], maxLabels))
			}
		} else {
			c.row = row
		}
		if !(c.score >= o.ScoreThreshold) || c.score > 1 {
			if c.score < o.ScoreThreshold {
				continue
			}
			return nil, errors.New("a score outside 0..1")
		}
		if !(c.x0 <= c.x1 && c.y0 <= c.y1) || math.IsInf(c.x0+c.y0+c.x1+c.y1, 0) {
			return nil, errors.New("a box without usable coordinates")
		}
		out = append(out, c)
	}
	return out, nil
}

// corners reads one box in the declared format and unit.
func (o Options) corners(v []float64) candidate {
	x, y, z, w := v[0], v[1], v[2], v[3]
	if o.BoxUnit == "fractions" {
		x, z = x*float64(o.Input.Width), z*float64(o.Input.Width)
		y, w = y*float64(o.Input.Height), w*float64(o.Input.Height)
	}
	switch o.BoxFormat {
	case "xywh":
		return candidate{x0: x, y0: y, x1: x + z, y1: y + w}
	case "cxcywh":
		return candidate{x0: x - z/2, y0: y - w/2, x1: x + z/2, y1: y + w/2}
	}
	return candidate{x0: x, y0: y, x1: z, y1: w}
}

// suppress drops boxes that a better one of their class covers; the rest keep
// the server's order.
func (o Options) suppress(all []candidate) []candidate {
	if o.NMS == 0 {
		return all
	}
	order := make([]int, len(all))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(all[b].score, all[a].score) })
	// A server that sends very many overlapping boxes is cut off here.
	order = order[:min(len(order), maxDetections)]
	var kept []int
	for _, i := range order {
		if !slices.ContainsFunc(kept, func(k int) bool {
			return all[k].class == all[i].class && iou(all[k], all[i]) >= o.NMS
		}) {
			kept = append(kept, i)
		}
	}
	slices.Sort(kept)
	out := make([]candidate, len(kept))
	for i, k := range kept {
		out[i] = all[k]
	}
	return out
}

// iou returns the shared part of the joint area.
func iou(a, b candidate) float64 {
	w, h := min(a.x1, b.x1)-max(a.x0, b.x0), min(a.y1, b.y1)-max(a.y0, b.y0)
	if w <= 0 || h <= 0 {
		return 0
	}
	common := w * h
	return common / ((a.x1-a.x0)*(a.y1-a.y0) + (b.x1-b.x0)*(b.y1-b.y0) - common)
}

// guesses reads the class scores of a classifier.
func (o Options) guesses(outputs map[string]tensor) ([]engine.Guess, error) {
	scores, ok := outputs[o.Outputs.Scores]
	if !ok && o.Outputs.Scores == "" && len(outputs) == 1 {
		for _, scores = range outputs {
			ok = true
		}
	}
	if !ok {
		return nil, errors.New("no tensor for scores")
	}
	if len(scores.squeeze(1)) != 1 || len(scores.values) == 0 {
		return nil, fmt.Errorf("scores of shape %.10v", scores.shape)
	}
	row := scores.values
	if o.Softmax {
		row = softmax(row)
	}
	return o.rank(row)
}

// rank returns the best classes of a row, best first.
func (o Options) rank(row []float64) ([]engine.Guess, error) {
	order := make([]int, len(row))
	for i := range order {
		if !(row[i] >= 0 && row[i] <= 1) {
			return nil, errors.New("a score outside 0..1")
		}
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(row[b], row[a]) })
	var out []engine.Guess
	for _, class := range order[:min(len(order), o.TopN)] {
		label, err := o.label(class)
		if err != nil {
			return nil, err
		}
		out = append(out, engine.Guess{Label: label, Score: row[class]})
	}
	return out, nil
}

// label names a class.
func (o Options) label(class int) (string, error) {
	switch {
	case class < 0 || class >= maxLabels || len(o.Labels) > 0 && class >= len(o.Labels):
		return "", fmt.Errorf("class %d of %d labels", class, len(o.Labels))
	case len(o.Labels) == 0:
		return strconv.Itoa(class), nil
	}
	return o.Labels[class], nil
}

// softmax returns the row as probabilities.
func softmax(row []float64) []float64 {
	if len(row) == 0 {
		return row
	}
	out, sum, top := make([]float64, len(row)), 0.0, slices.Max(row)
	for i, v := range row {
		out[i] = math.Exp(v - top)
		sum += out[i]
	}
	for i := range out {
		out[i] /= sum
	}
	return out
}
