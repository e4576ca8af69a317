package builtin

import (
	"cmp"
	"math"
	"slices"
)

// singled marks an example that is learned from in every fold and scored in
// none: without its group nothing of its label would be left to learn from.
const singled = -1

// deal gives each group to the fold that has least of the group's labels so
// far, and among equals to the smallest; large groups come first, since they
// fit last. This is the usual stratified and grouped cross-validation. For
// groups of one it comes down to dealing each label in turn.
func (d *dataset) deal(most int) {
	bundles, widest := d.bundles()
	d.folds = max(2, min(most, widest))
	d.fold = slices.Repeat([]int{singled}, len(d.y))
	total := make([]float64, len(d.labels))
	for _, k := range d.y {
		total[k]++
	}
	size := make([]int, d.folds)
	held := make([][]float64, d.folds)
	for f := range held {
		held[f] = make([]float64, len(d.labels))
	}
	for _, members := range bundles {
		best, least := 0, math.Inf(1)
		for f := range d.folds {
			crowd := 0.0
			for _, i := range members {
				crowd += held[f][d.y[i]] / total[d.y[i]]
			}
			if crowd < least || crowd == least && size[f] < size[best] {
				best, least = f, crowd
			}
		}
		for _, i := range members {
			d.fold[i] = best
			held[best][d.y[i]]++
		}
		size[best] += len(members)
	}
	d.single(held, total)
}

// bundles returns the examples of each group, the largest group first, without
// those whose label is in one group only, and in how many groups the most
// widespread label is.
func (d *dataset) bundles() (all [][]int, widest int) {
	all = make([][]int, slices.Max(d.group)+1)
	spread := make([]int, len(d.labels))
	for i, g := range d.group { // examples come label by label
		if n := len(all[g]); n == 0 || d.y[all[g][n-1]] != d.y[i] {
			spread[d.y[i]]++
		}
		all[g] = append(all[g], i)
	}
	for g := range all {
		all[g] = slices.DeleteFunc(all[g], func(i int) bool { return spread[d.y[i]] < 2 })
	}
	all = slices.DeleteFunc(all, func(members []int) bool { return len(members) == 0 })
	slices.SortStableFunc(all, func(a, b []int) int { return cmp.Compare(len(b), len(a)) })
	return all, slices.Max(spread)
}

// single takes labels that ended up in one fold out of the scoring.
func (d *dataset) single(held [][]float64, total []float64) {
	for i, k := range d.y {
		if f := d.fold[i]; f != singled && held[f][k] == total[k] {
			d.fold[i] = singled
		}
	}
}

// scored tells how many examples a cross-validation can hold out, and of how
// many labels.
func (d *dataset) scored() (examples, labels int) {
	last := -1
	for i, f := range d.fold {
		if f == singled {
			continue
		}
		examples++
		if d.y[i] != last {
			last = d.y[i]
			labels++
		}
	}
	return examples, labels
}
