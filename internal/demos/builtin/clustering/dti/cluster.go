package dti

import (
	"cmp"
	"context"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"
)

// The bounds of a clustering.
const (
	MaxPrototypes = 50
	MaxPictures   = 20_000
	MinGrid       = 2 // control points along a side of a spline
	MaxGrid       = 8
)

const (
	restarts    = 3
	coarseTurns = 6
	// stageTurns bounds the rounds of one stage; it ends when fewer than one
	// picture in settled changes its cluster.
	stageTurns, settled = 6, 500
	// seedSample bounds the pictures that the seeds are chosen on.
	seedSample = 1200
	// candidates is how many prototypes are aligned to each picture.
	candidates = 3
	// batch is how many pictures a processor takes at a time.
	batch = 16
)

// Transforms are what may happen to a prototype besides nothing.
type Transforms struct{ Colour, Affine, Projective, Spline bool }

// Options say how to cluster.
type Options struct {
	// Prototypes is how many clusters there are at most, 1..MaxPrototypes.
	Prototypes int
	Transforms Transforms
	// Grid is how many control points a spline has along a side; 0 means 4.
	Grid int
	// Empty is the share of an equal part of the pictures below which a cluster
	// is given up while the others are still found, 0..1.
	Empty float64
	// Progress hears of rounds done and of all there may be; nil for nobody.
	Progress func(done, total int)
}

// Member is what became of one picture.
type Member struct {
	Cluster int
	// Distances to each prototype: mean square differences of values 0..1, with
	// a little for the effort of the warp. Those of prototypes that were not
	// aligned closely are upper bounds.
	Distances []float64
	// Warp and Colour make the picture of its prototype.
	Warp   Warp
	Colour Colour
}

// Result is a clustering; no cluster is empty.
type Result struct {
	// Members are in order of the pictures.
	Members []Member
	// Clusters is how many there are.
	Clusters int
	// Spline is the basis of the warps; nil when they have none.
	Spline *Spline
}

// guess is one prototype fitted to one sample.
type guess struct {
	model    int
	warp     Warp
	colour   Colour
	distance float64
}

// state is what is known of a sample.
type state struct {
	guesses []guess // the best first
	rough   []float64
}

// fitter is one run.
type fitter struct {
	o       Options
	samples []*Picture
	states  []state
	models  []*model
	plan    plan
	random  *rand.Rand
	done    int
	total   int
}

// Cluster groups pictures. Pictures must number 1..MaxPictures. The only error
// is ctx's.
func Cluster(ctx context.Context, pictures []Picture, o Options) (Result, error) {
	o.Prototypes = min(o.Prototypes, len(pictures))
	f := &fitter{o: o, random: rand.New(rand.NewPCG(1, uint64(len(pictures))))}
	plans := o.plans()
	f.total = restarts*coarseTurns + len(plans)*stageTurns
	for i := range pictures {
		f.samples = append(f.samples, &pictures[i])
	}
	f.plan = plans[0]
	if err := f.seed(ctx); err != nil {
		return Result{}, err
	}
	f.states = make([]state, len(f.samples))
	for i, plan := range plans {
		f.plan = plan
		if err := f.stage(ctx, i == 0); err != nil {
			return Result{}, err
		}
	}
	if err := f.assign(ctx, false, true); err != nil {
		return Result{}, err
	}
	return f.result(), nil
}

// plans is the curriculum: each stage frees more.
func (o Options) plans() []plan {
	base := plan{colour: o.Transforms.Colour}
	var out []plan
	if o.Transforms.Affine {
		base.params = 6
		out = append(out, base)
	}
	if o.Transforms.Projective {
		base.params = 8
		out = append(out, base)
	}
	if o.Transforms.Spline {
		grid := o.Grid
		if grid == 0 {
			grid = 4
		}
		base.spline = newSpline(min(max(grid, MinGrid), MaxGrid))
		out = append(out, base)
	}
	if len(out) == 0 {
		out = append(out, base)
	}
	return out
}

// moves reports whether the stages move prototypes as a whole.
func (f *fitter) moves() bool { return f.o.Transforms.Affine || f.o.Transforms.Projective }

func (f *fitter) tick() {
	if f.done++; f.o.Progress != nil {
		f.o.Progress(min(f.done, f.total), f.total)
	}
}

// seed finds first prototypes on some of the pictures: the best of a few
// restarts.
func (f *fitter) seed(ctx context.Context) error {
	all := f.samples
	f.samples = slices.Clone(all)
	f.random.Shuffle(len(f.samples), func(i, j int) { f.samples[i], f.samples[j] = f.samples[j], f.samples[i] })
	f.samples = f.samples[:min(len(f.samples), max(seedSample, 10*f.o.Prototypes))]
	var best []*model
	least := math.Inf(1)
	for range restarts {
		f.states = make([]state, len(f.samples))
		if err := f.plant(ctx); err != nil {
			return err
		}
		for turn := range coarseTurns {
			if err := f.assign(ctx, true, false); err != nil {
				return err
			}
			f.update(turn < coarseTurns-2)
			f.tick()
		}
		if loss := f.loss(); loss < least {
			best, least = f.models, loss
		}
	}
	f.samples, f.models = all, best
	return nil
}

// plant chooses samples as prototypes, each with a chance by its distance to
// those before: D. Arthur and S. Vassilvitskii, k-means++, SODA 2007.
func (f *fitter) plant(ctx context.Context) error {
	near := make([]float64, len(f.samples))
	for i := range near {
		near[i] = 1
	}
	f.models = nil
	for len(f.models) < f.o.Prototypes {
		total := 0.0
		for _, d := range near {
			total += d
		}
		at, left := 0, f.random.Float64()*total
		for at < len(near)-1 && left >= near[at] {
			left -= near[at]
			at++
		}
		chosen := newModel(f.samples[at].tinted())
		f.models = append(f.models, chosen)
		views, efforts := f.poses()
		b := newBank(chosen, views, f.plan.colour)
		first := len(f.models) == 1
		err := f.each(ctx, func(i int) {
			_, d := newProbe(f.samples[i].tinted().lightness(2), f.plan.colour).nearest(b, efforts, f.plan.colour)
			if first || d < near[i] {
				near[i] = max(d, 0)
			}
		})
		if err != nil {
			return err
		}
		near[at] = 0
	}
	return nil
}

func (f *fitter) poses() ([]Warp, []float64) {
	views := poses(f.moves())
	efforts := make([]float64, len(views))
	for i := range views {
		efforts[i] = views[i].effort()
	}
	return views, efforts
}

// each calls do for every sample, on all processors. The error is ctx's.
func (f *fitter) each(ctx context.Context, do func(i int)) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for from := 0; from < len(f.samples); from += batch {
		group.Go(func() error {
			for i := from; i < min(from+batch, len(f.samples)); i++ {
				if err := ctx.Err(); err != nil {
					return err
				}
				do(i)
			}
			return nil
		})
	}
	return group.Wait()
}

// stage goes on with the current plan until the clusters settle.
func (f *fitter) stage(ctx context.Context, first bool) error {
	before := make([]int, len(f.samples))
	for turn := range stageTurns {
		for i := range before {
			if before[i] = -1; len(f.states[i].guesses) > 0 {
				before[i] = f.states[i].guesses[0].model
			}
		}
		search := first && (turn == 0 || turn == stageTurns/2)
		if err := f.assign(ctx, search, true); err != nil {
			return err
		}
		changed := 0
		for i, s := range f.states {
			if s.guesses[0].model != before[i] {
				changed++
			}
		}
		replaced := f.update(turn < stageTurns/2)
		f.tick()
		if replaced == 0 && turn > 1 && changed*settled < len(f.samples) {
			f.done += stageTurns - 1 - turn
			break
		}
	}
	return nil
}

// assign fits prototypes to every sample and puts the nearest first: after a
// search over the coarse poses of all, or those that were near the last time;
// aligned closely, or as they were found.
func (f *fitter) assign(ctx context.Context, search, closely bool) error {
	var banks []bank
	views, efforts := f.poses()
	if search {
		for _, m := range f.models {
			banks = append(banks, newBank(m, views, f.plan.colour))
		}
	}
	how := f.plan
	if !closely {
		how.params, how.spline = 0, nil
	}
	return f.each(ctx, func(i int) {
		s, known := newSubject(f.samples[i], &how), &f.states[i]
		if search {
			f.search(s, known, banks, views, efforts)
		}
		for j := range known.guesses {
			g := &known.guesses[j]
			m := f.models[g.model]
			if closely {
				if how.spline != nil && g.warp.Spline == nil {
					g.warp.Spline = make([]float64, 2*how.spline.points)
				}
				g.warp = s.align(m, g.warp)
			}
			g.distance, g.colour = s.distance(m, &g.warp)
			known.rough[g.model] = g.distance
		}
		slices.SortStableFunc(known.guesses, func(a, b guess) int { return cmp.Compare(a.distance, b.distance) })
	})
}

// search replaces the guesses by the likeliest prototypes, and keeps the warps
// of those that were among them.
func (f *fitter) search(s *subject, known *state, banks []bank, views []Warp, efforts []float64) {
	p := newProbe(s.gray, f.plan.colour)
	guesses := make([]guess, len(banks))
	known.rough = make([]float64, len(banks))
	for k, b := range banks {
		at, d := p.nearest(b, efforts, f.plan.colour)
		guesses[k] = guess{model: k, warp: views[at], distance: d}
		known.rough[k] = d
	}
	slices.SortStableFunc(guesses, func(a, b guess) int { return cmp.Compare(a.distance, b.distance) })
	guesses = guesses[:min(len(guesses), candidates)]
	for j := range guesses {
		for _, old := range known.guesses {
			if old.model == guesses[j].model && old.distance < guesses[j].distance {
				guesses[j].warp = old.warp
			}
		}
	}
	known.guesses = slices.Clone(guesses)
}

// loss is the sum of the distances.
func (f *fitter) loss() float64 {
	sum := 0.0
	for _, s := range f.states {
		sum += s.guesses[0].distance
	}
	return sum
}

// result numbers the clusters that have pictures.
func (f *fitter) result() Result {
	names := make([]int, len(f.models))
	for i := range names {
		names[i] = -1
	}
	for _, s := range f.states {
		names[s.guesses[0].model] = 0
	}
	out := Result{Spline: f.plan.spline}
	for k := range names {
		if names[k] == 0 {
			names[k] = out.Clusters
			out.Clusters++
		}
	}
	for _, s := range f.states {
		g := s.guesses[0]
		m := Member{Cluster: names[g.model], Warp: g.warp, Colour: g.colour, Distances: make([]float64, out.Clusters)}
		for k, d := range s.rough {
			if names[k] >= 0 {
				m.Distances[names[k]] = max(d, 0)
			}
		}
		out.Members = append(out.Members, m)
	}
	return out
}
