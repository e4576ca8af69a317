package builtin

import (
	"context"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/optimize"
)

// logistic is multinomial logistic regression: one row of weights a label, the
// bias last.
type logistic struct {
	weights [][]float32
}

// fitLogistic minimises the mean cross-entropy plus penalty/(2n) times the sum
// of squared weights (biases free) by L-BFGS (Liu & Nocedal 1989). x is
// standardised. The minimum is unique; the start is zero.
func fitLogistic(ctx context.Context, x [][]float64, y []int, labels int, penalty float64) (*logistic, error) {
	n, d := len(x), len(x[0])
	stride := d + 1
	present := make([]bool, labels)
	for _, k := range y {
		present[k] = true
	}
	probability := make([]float64, labels)
	// loss writes the gradient at w and returns the value. gonum asks for the
	// two apart; both come from one pass, kept for the second question.
	loss := func(w, gradient []float64) float64 {
		clear(gradient)
		total := 0.0
		for i, row := range x {
			for k := range labels {
				probability[k] = math.Inf(-1)
				if present[k] {
					probability[k] = dotBias(w[k*stride:(k+1)*stride], row)
				}
			}
			softmax(probability)
			total -= math.Log(max(probability[y[i]], 1e-300))
			for k, p := range probability {
				if k == y[i] {
					p--
				}
				if p == 0 {
					continue
				}
				g := gradient[k*stride : (k+1)*stride]
				for j, v := range row {
					g[j] += p * v
				}
				g[d] += p
			}
		}
		total /= float64(n)
		shrink := penalty / float64(n)
		for i, v := range w {
			gradient[i] /= float64(n)
			if i%stride != d {
				gradient[i] += shrink * v
				total += shrink / 2 * v * v
			}
		}
		return total
	}
	var at, gradient []float64
	var value float64
	evaluate := func(w []float64) {
		if at != nil && slices.Equal(at, w) {
			return
		}
		if at == nil {
			at, gradient = make([]float64, len(w)), make([]float64, len(w))
		}
		copy(at, w)
		value = loss(w, gradient)
	}
	problem := optimize.Problem{
		Func: func(w []float64) float64 { evaluate(w); return value },
		Grad: func(g, w []float64) { evaluate(w); copy(g, gradient) },
		Status: func() (optimize.Status, error) {
			if err := ctx.Err(); err != nil {
				return optimize.Failure, err
			}
			return optimize.NotTerminated, nil
		},
	}
	settings := &optimize.Settings{
		GradientThreshold: 1e-4, MajorIterations: 150,
		Converger: &optimize.FunctionConverge{Absolute: 1e-6, Relative: 1e-5, Iterations: 5},
	}
	result, err := optimize.Minimize(problem, make([]float64, labels*stride), settings, &optimize.LBFGS{})
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	// A line search that finds no better point has arrived as far as the
	// arithmetic allows; its best point is the answer.
	if result == nil {
		return nil, fmt.Errorf("fit logistic regression: %w", err)
	}
	model := &logistic{weights: make([][]float32, labels)}
	for k := range labels {
		row := make([]float32, stride)
		for j, v := range result.X[k*stride : (k+1)*stride] {
			row[j] = float32(v)
		}
		if !present[k] {
			row[d] = absent
		}
		model.weights[k] = row
	}
	return model, nil
}

// absent is the bias of a label without examples: never chosen.
const absent = -1e4

func (m *logistic) logits(x []float64) []float64 {
	out := make([]float64, len(m.weights))
	for k, row := range m.weights {
		sum := float64(row[len(x)])
		for j, v := range x {
			sum += float64(row[j]) * v
		}
		out[k] = sum
	}
	return out
}

func dotBias(w, x []float64) float64 {
	w = w[:len(x)+1]
	sum := w[len(x)]
	for j, v := range x {
		sum += w[j] * v
	}
	return sum
}

// softmax turns logits into probabilities in place.
func softmax(v []float64) {
	top := math.Inf(-1)
	for _, x := range v {
		top = max(top, x)
	}
	sum := 0.0
	for i, x := range v {
		v[i] = math.Exp(x - top)
		sum += v[i]
	}
	for i := range v {
		v[i] /= sum
	}
}
