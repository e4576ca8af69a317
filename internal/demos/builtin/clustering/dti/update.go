package dti

import (
	"cmp"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"
)

// keep is the weight of a prototype's last values against one picture's, so
// that places that no picture reaches have some.
const keep = 0.02

// update moves each prototype to the weighted mean of its samples, each put
// where its warp says and with its colour undone: the least squares solution
// but for the overlap of neighbours. When asked to it gives up clusters that
// hold too little and returns how many.
func (f *fitter) update(mayReplace bool) (replaced int) {
	members := make([][]int, len(f.models))
	for i, s := range f.states {
		k := s.guesses[0].model
		members[k] = append(members[k], i)
	}
	next := make([]*model, len(f.models))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for k := range next {
		group.Go(func() error {
			next[k] = f.mean(f.models[k], members[k])
			return nil
		})
	}
	_ = group.Wait() // none fails
	f.models = next
	if mayReplace {
		replaced = f.replace(members)
	}
	return replaced
}

// mean renders one prototype.
func (f *fitter) mean(old *model, members []int) *model {
	var sum tint
	var weight tint
	for i, v := range old.tint {
		sum[i], weight[i] = keep*v, keep
	}
	for _, at := range members {
		g := f.states[at].guesses[0]
		sample := f.samples[at]
		for i, at := range f.plan.track(&g.warp) {
			u, v := at[0], at[1]
			if u < -1.05 || u > 1.05 || v < -1.05 || v > 1.05 {
				continue
			}
			x, fx := weights(u)
			y, fy := weights(v)
			base := y*Side + x
			for j, w := range [4]float32{(1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy} {
				to := (base + j%2 + j/2*Side) * channels
				for c := range channels {
					gain := g.colour.Gain[c]
					sum[to+c] += w * gain * (float32(sample[channels*i+c])/255 - g.colour.Offset[c])
					weight[to+c] += w * gain * gain
				}
			}
		}
	}
	for i := range sum {
		sum[i] /= weight[i]
	}
	return newModel(&sum)
}

// replace gives the clusters with too few samples a new start: the sample that
// fits worst in the cluster that is largest at the time.
func (f *fitter) replace(members [][]int) int {
	fewest := max(1, int(f.o.Empty*float64(len(f.samples))/float64(len(f.models))))
	count := 0
	for k := range members {
		if len(members[k]) >= fewest {
			continue
		}
		largest := slices.MaxFunc(members, func(a, b []int) int { return cmp.Compare(len(a), len(b)) })
		from := slices.IndexFunc(members, func(m []int) bool { return len(m) == len(largest) })
		if len(largest) < 2 || from == k {
			continue
		}
		worst := slices.MaxFunc(largest, func(a, b int) int {
			return cmp.Compare(f.states[a].guesses[0].distance, f.states[b].guesses[0].distance)
		})
		f.models[k] = newModel(f.samples[worst].tinted())
		members[from] = slices.DeleteFunc(slices.Clone(largest), func(i int) bool { return i == worst })
		for i := range f.states {
			f.states[i].forget(k)
		}
		f.states[worst].guesses = append([]guess{{model: k, warp: f.still(), colour: plain()}}, f.states[worst].guesses...)
		count++
	}
	return count
}

// still is the warp of the current stage that moves nothing.
func (f *fitter) still() Warp {
	w := still()
	if f.plan.spline != nil {
		w.Spline = make([]float64, 2*f.plan.spline.points)
	}
	return w
}

// forget drops the warp to a prototype that is a new one: it starts anew.
func (s *state) forget(k int) {
	for j := range s.guesses {
		if s.guesses[j].model == k {
			s.guesses[j].warp = still()
		}
	}
}
