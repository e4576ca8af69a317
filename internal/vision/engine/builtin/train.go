package builtin

import (
	"context"
	"fmt"
	"math"
	"slices"

	"granary/internal/platform/fault"
)

// Options of Train and Evaluate. Both must get the same ones for their reports
// to be comparable.
type Options struct {
	// Folds of the cross-validation. Defaults to 5.
	Folds int
	// MaxPerLabel bounds the examples of one label; which ones are left out is
	// decided by their ids. Defaults to 300.
	MaxPerLabel int
	// Seed deals the folds. Defaults to 0.
	Seed uint64
	// Progress, when set, is told after each piece of work how many of all are
	// done. It is called from the goroutine that called Train.
	Progress func(done, all int)
}

func (o Options) withDefaults() Options {
	if o.Folds == 0 {
		o.Folds = 5
	}
	if o.MaxPerLabel == 0 {
		o.MaxPerLabel = 300
	}
	if o.Progress == nil {
		o.Progress = func(int, int) {}
	}
	return o
}

// recipes are the candidates that cross-validation chooses between.
func recipes() []recipe {
	return []recipe{{Penalty: 1}, {Penalty: 8}, {Penalty: 60}, {Neighbours: 1}, {Neighbours: 3}, {Neighbours: 7}}
}

// String names the recipe for reports.
func (r recipe) String() string {
	if r.Neighbours > 0 {
		return fmt.Sprintf("nearest neighbours, k = %d", r.Neighbours)
	}
	return fmt.Sprintf("logistic regression, L2 penalty %g", r.Penalty)
}

// fit trains one model on standardised examples.
func (r recipe) fit(ctx context.Context, x [][]float64, y []int, labels int) (*Classifier, error) {
	if r.Neighbours > 0 {
		return &Classifier{neighbours: fitNeighbours(x, y, labels, r.Neighbours)}, ctx.Err()
	}
	model, err := fitLogistic(ctx, x, y, labels, r.Penalty)
	return &Classifier{logistic: model}, err
}

// Train learns a classifier. Every candidate recipe is judged by stratified
// cross-validation; the best (by accuracy, then by log loss) is calibrated on
// its held-out answers and trained again on all examples. The report holds
// what the held-out folds said. The same examples and options give the same
// classifier, whatever their order. 300 examples of 15 labels take less than a
// second; the time grows with examples times labels.
//
// A label with a single example is learned, but cannot be scored. Errors:
// fault.Invalid when fewer than two labels have two examples each, or for
// examples that make no sense; ctx's error when it ends first.
func Train(ctx context.Context, examples []Example, options Options) (*Classifier, Report, error) {
	options = options.withDefaults()
	d, err := newDataset(examples, options.Folds, options.MaxPerLabel, options.Seed)
	if err != nil {
		return nil, Report{}, err
	}
	if scored, labels := d.scored(); labels < 2 {
		return nil, Report{}, fault.New(fault.Invalid, "training needs at least two labels with two examples each; there are %d examples of %d such labels", scored, labels)
	}
	candidates := recipes()
	held := make([]*answers, len(candidates))
	for k := range held {
		held[k] = newAnswers(d)
	}
	steps := d.folds*len(candidates) + 1
	for fold := range d.folds {
		if err := d.validate(ctx, fold, candidates, held, func(k int) { options.Progress(fold*len(candidates)+k+1, steps) }); err != nil {
			return nil, Report{}, err
		}
	}
	best := 0
	for k := range held {
		held[k].calibrate()
		if held[k].better(held[best]) {
			best = k
		}
	}
	report := held[best].report(d, candidates[best].String())
	for k := range held {
		report.Candidates = append(report.Candidates, Candidate{Name: candidates[k].String(), Accuracy: held[k].accuracy(), LogLoss: held[k].loss})
	}
	c, err := d.final(ctx, candidates[best], held[best])
	if err != nil {
		return nil, Report{}, err
	}
	options.Progress(steps, steps)
	return c, report, nil
}

// validate fits each candidate without one fold and notes its answers for it.
func (d *dataset) validate(ctx context.Context, fold int, candidates []recipe, held []*answers, done func(k int)) error {
	x, y := d.part(func(i int) bool { return d.fold[i] != fold })
	scale := newScaler(x)
	x = scale.all(x)
	similar := newFamiliar(x, y, len(d.labels))
	for k, r := range candidates {
		model, err := r.fit(ctx, x, y, len(d.labels))
		if err != nil {
			return err
		}
		for i := range d.x {
			if d.fold[i] != fold {
				continue
			}
			row := scale.apply(d.x[i])
			logits := model.logits(row)
			held[k].set(i, logits, similar.distance(row, argmax(logits)))
		}
		done(k)
	}
	return nil
}

// final trains on everything and takes the calibration of the held-out answers.
func (d *dataset) final(ctx context.Context, r recipe, held *answers) (*Classifier, error) {
	scale := newScaler(d.x)
	x := scale.all(d.x)
	c, err := r.fit(ctx, x, d.y, len(d.labels))
	if err != nil {
		return nil, err
	}
	c.labels, c.recipe, c.scaler = d.labels, r, scale
	c.temperature = float32(held.temperature)
	c.familiar = newFamiliar(x, d.y, len(d.labels))
	c.familiar.usual = float32(held.usual)
	c.trained = slices.Sorted(slices.Values(d.id))
	return c, nil
}

// Evaluate reports how a classifier in use does on the folds that Train holds
// out for the same examples and options. An example that it has learned from,
// or from another of its group, is answered by its recipe trained again without
// that fold, all others by the classifier itself; so neither side of a
// comparison sees its own answers.
// Errors as for Train.
func Evaluate(ctx context.Context, c *Classifier, examples []Example, options Options) (Report, error) {
	options = options.withDefaults()
	d, err := newDataset(examples, options.Folds, options.MaxPerLabel, options.Seed)
	if err != nil {
		return Report{}, err
	}
	d.admit(c.labels)
	learned := func(i int) bool {
		_, known := slices.BinarySearch(c.trained, d.id[i])
		return known
	}
	met := map[int]bool{} // groups that it has learned from
	for i, g := range d.group {
		met[g] = met[g] || learned(i)
	}
	number := make([]int, len(c.labels)) // of the classifier's labels here
	for k, label := range c.labels {
		number[k], _ = slices.BinarySearch(d.labels, label)
	}
	held := newAnswers(d)
	held.temperature, held.usual = float64(c.temperature), float64(c.familiar.usual)
	for fold := range d.folds {
		x, y := d.part(func(i int) bool { return d.fold[i] != fold && learned(i) })
		var again *Classifier
		if distinct(y) > 1 {
			scale := newScaler(x)
			x = scale.all(x)
			if again, err = c.recipe.fit(ctx, x, y, len(d.labels)); err != nil {
				return Report{}, err
			}
			again.scaler, again.familiar = scale, newFamiliar(x, y, len(d.labels))
		}
		for i := range d.x {
			switch {
			case d.fold[i] != fold:
			case again != nil && met[d.group[i]]:
				row := again.scaler.apply(d.x[i])
				logits := again.logits(row)
				held.set(i, logits, again.familiar.distance(row, argmax(logits)))
			default:
				row := c.scaler.apply(d.x[i])
				own := c.logits(row)
				logits := make([]float64, len(d.labels))
				for k := range logits {
					logits[k] = absent
				}
				for k, v := range own {
					logits[number[k]] = v
				}
				held.set(i, logits, c.familiar.distance(row, argmax(own)))
			}
		}
		options.Progress(fold+1, d.folds)
	}
	return held.report(d, c.recipe.String()), ctx.Err()
}

// admit adds labels without examples, which an older classifier may answer.
func (d *dataset) admit(labels []string) {
	all := slices.Concat(d.labels, labels)
	slices.Sort(all)
	all = slices.Compact(all)
	for i, k := range d.y {
		d.y[i], _ = slices.BinarySearch(all, d.labels[k])
	}
	d.labels = all
}

func distinct(y []int) int {
	seen := make(map[int]bool)
	for _, k := range y {
		seen[k] = true
	}
	return len(seen)
}

// answers are the held-out answers of one recipe.
type answers struct {
	truth, fold []int
	logits      [][]float64
	distance    []float64
	temperature float64
	usual       float64
	loss        float64
}

func newAnswers(d *dataset) *answers {
	return &answers{truth: d.y, fold: d.fold, logits: make([][]float64, len(d.x)), distance: make([]float64, len(d.x)), temperature: 1, usual: 1}
}

func (a *answers) set(i int, logits []float64, distance float64) {
	a.logits[i], a.distance[i] = logits, distance
}

// each visits the examples that were held out.
func (a *answers) each(visit func(i int)) {
	for i := range a.truth {
		if a.logits[i] != nil {
			visit(i)
		}
	}
}

func (a *answers) accuracy() float64 {
	right, all := 0.0, 0.0
	a.each(func(i int) {
		all++
		if argmax(a.logits[i]) == a.truth[i] {
			right++
		}
	})
	return right / max(all, 1)
}

// better prefers accuracy, and among equals (within half an example) the
// smaller loss.
func (a *answers) better(b *answers) bool {
	half := 0.5 / float64(len(a.truth))
	if d := a.accuracy() - b.accuracy(); math.Abs(d) > half {
		return d > 0
	}
	return a.loss < b.loss
}

// calibrate fits the temperature and the usual distance to the answers.
func (a *answers) calibrate() {
	a.temperature = a.bestTemperature(func(int) bool { return true })
	a.loss = a.logLoss(a.temperature, func(int) bool { return true })
	var distances []float64
	a.each(func(i int) { distances = append(distances, a.distance[i]) })
	f := familiar{usual: 1}
	f.calibrate(distances)
	a.usual = float64(f.usual)
}

// bestTemperature minimises the log loss of the wanted answers by golden
// section; a weak pull to 1 keeps a few faultless answers from claiming
// certainty.
func (a *answers) bestTemperature(want func(i int) bool) float64 {
	count := 1.0
	a.each(func(i int) {
		if want(i) {
			count++
		}
	})
	cost := func(log float64) float64 {
		return a.logLoss(math.Exp(log), want) + 0.5*log*log/count
	}
	const ratio = 0.6180339887498949
	low, high := math.Log(0.2), math.Log(8)
	left, right := high-ratio*(high-low), low+ratio*(high-low)
	costLeft, costRight := cost(left), cost(right)
	for range 30 {
		if costLeft < costRight {
			high, right, costRight = right, left, costLeft
			left = high - ratio*(high-low)
			costLeft = cost(left)
		} else {
			low, left, costLeft = left, right, costRight
			right = low + ratio*(high-low)
			costRight = cost(right)
		}
	}
	return math.Exp((low + high) / 2)
}

func (a *answers) logLoss(temperature float64, want func(i int) bool) float64 {
	sum, count := 0.0, 0.0
	a.each(func(i int) {
		if want(i) {
			sum -= math.Log(max(scaled(a.logits[i], temperature)[a.truth[i]], 1e-12))
			count++
		}
	})
	return sum / max(count, 1)
}

// scaled returns the probabilities at a temperature.
func scaled(logits []float64, temperature float64) []float64 {
	p := make([]float64, len(logits))
	for k, v := range logits {
		p[k] = v / temperature
	}
	softmax(p)
	return p
}
