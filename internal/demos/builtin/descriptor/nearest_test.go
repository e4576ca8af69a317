package descriptor_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"granary/internal/demos/builtin/descriptor"
)

// random returns n random unit vectors.
func random(n, dim int, seed uint64) descriptor.Rows {
	r := rand.New(rand.NewPCG(seed, 1))
	raw := make([]float32, descriptor.Size)
	space := &descriptor.Space{Dim: dim}
	rows := descriptor.NewRows(n, dim)
	for i := range n {
		for k := range raw {
			raw[k] = float32(r.NormFloat64())
		}
		space.Project(rows.Row(i), raw)
	}
	return rows
}

// naive is what Nearest promises, in the plainest words.
func naive(a descriptor.Rows, b []descriptor.Rows, i, k int, skip func(j int) bool) []descriptor.Match {
	var all []descriptor.Match
	for j := range b[0].Len() {
		if skip(j) {
			continue
		}
		best := descriptor.Match{Index: int32(j), Score: -2}
		for r := range b {
			var sum float32
			for d, v := range a.Row(i) {
				sum += v * b[r].Row(j)[d]
			}
			if sum > best.Score {
				best.Score, best.Relation = sum, int32(r)
			}
		}
		all = append(all, best)
	}
	slices.SortFunc(all, func(x, y descriptor.Match) int {
		if x.Score > y.Score {
			return -1
		}
		return 1
	})
	return all[:min(k, len(all))]
}

func TestNearestIsTheNaiveAnswer(t *testing.T) {
	t.Parallel()
	near := cmpopts.EquateApprox(0, 1e-5)
	for _, size := range [][2]int{{1, 1}, {3, 70}, {129, 66}, {64, 64}, {131, 5}} {
		a, b, c := random(size[0], 16, 1), random(size[1], 16, 2), random(size[1], 16, 3)
		ofA, ofB, err := descriptor.Nearest(t.Context(), a, []descriptor.Rows{b, c}, 4)
		if err != nil {
			t.Fatal(err)
		}
		for i := range a.Len() {
			want := naive(a, []descriptor.Rows{b, c}, i, 4, func(int) bool { return false })
			if diff := cmp.Diff(want, ofA[i], near); diff != "" {
				t.Fatalf("%v: nearest of row %d (-want +got):\n%s", size, i, diff)
			}
		}
		if len(ofB) != b.Len() || len(ofB[0]) != min(4, a.Len()) {
			t.Errorf("%v: %d rows with %d matches the other way", size, len(ofB), len(ofB[0]))
		}
	}
}

func TestNearestOthersLeavesOutTheRowItself(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, 65, 200} {
		a := random(n, 16, 1)
		got, err := descriptor.NearestOthers(t.Context(), a, []descriptor.Rows{a}, 3)
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			want := naive(a, []descriptor.Rows{a}, i, 3, func(j int) bool { return j == i })
			if diff := cmp.Diff(want, got[i], cmpopts.EquateApprox(0, 1e-5), cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("%d rows, nearest of row %d (-want +got):\n%s", n, i, diff)
			}
		}
	}
}

func TestNearestStopsWhenCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a := random(10, 16, 1)
	if _, err := descriptor.NearestOthers(ctx, a, []descriptor.Rows{a}, 3); !errors.Is(err, context.Canceled) {
		t.Errorf("NearestOthers after a cancel = %v, want context.Canceled", err)
	}
}

func BenchmarkNearestOthers(b *testing.B) {
	a := random(2000, descriptor.MaxDim, 1)
	for b.Loop() {
		if _, err := descriptor.NearestOthers(b.Context(), a, []descriptor.Rows{a}, 20); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(2000*1999/2), "ns/pair")
}
