package descriptor

import (
	"context"
	"runtime"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// tile is the rows of both sides that are compared before the next are loaded:
// 2 × 64 × 128 numbers of four bytes stay in a processor's second cache.
const tile = 64

// Match is a vector that is near to another one.
type Match struct {
	// Index is the near vector's, in its own side.
	Index int32
	// Relation is the relative pose in which it is nearest, as an index.
	Relation int32
	// Score is their cosine, -1..1.
	Score float32
}

// before orders matches: nearest first, then by index, so that results do not
// depend on who compared first.
func (m Match) before(o Match) bool {
	return m.Score > o.Score || m.Score == o.Score && m.Index < o.Index
}

// Nearest compares each vector of a with each of a second side, given once for
// each relative pose, and returns the k nearest of both directions: ofA[i] are
// indices of b, ofB[j] of a, nearest first. Of two vectors only the nearest
// pose counts. Work is shared by GOMAXPROCS goroutines. Errors: ctx's.
func Nearest(ctx context.Context, a Rows, b []Rows, k int) (ofA, ofB [][]Match, err error) {
	return nearest(ctx, a, b, k, false)
}

// NearestOthers is Nearest of one side with itself: the k nearest others of
// each vector. Of two vectors the later one is posed, whichever of them lists
// the other. a must be b in the pose that is relative upright, and for each
// pose b must have its inverse too.
func NearestOthers(ctx context.Context, a Rows, b []Rows, k int) ([][]Match, error) {
	ofA, ofB, err := nearest(ctx, a, b, k, true)
	if err != nil {
		return nil, err
	}
	return merge([][][]Match{ofA, ofB}, k), nil
}

func nearest(ctx context.Context, a Rows, b []Rows, k int, self bool) (ofA, ofB [][]Match, err error) {
	n, m := a.Len(), b[0].Len()
	workers := max(1, min(runtime.GOMAXPROCS(0), (n+tile-1)/tile))
	ofAs, ofBs := make([][][]Match, workers), make([][][]Match, workers)
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for w := range workers {
		group.Go(func() error {
			c := comparison{a: a, b: b, self: self, ofA: tops(n, k), ofB: tops(m, k)}
			for {
				i := int(next.Add(1)-1) * tile
				if i >= n {
					break
				}
				first := 0
				if self {
					first = i
				}
				for j := first; j < m; j += tile {
					if err := ctx.Err(); err != nil {
						return err
					}
					c.compare(i, min(i+tile, n), j, min(j+tile, m))
				}
			}
			ofAs[w], ofBs[w] = lists(c.ofA), lists(c.ofB)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, nil, err
	}
	return merge(ofAs, k), merge(ofBs, k), nil
}

// comparison is what one goroutine compares with and what it found.
type comparison struct {
	a        Rows
	b        []Rows
	self     bool
	ofA, ofB []top
	best     [tile * tile]float32
	relation [tile * tile]int32
}

// compare takes the rows i0..i1 of a and j0..j1 of b.
func (c *comparison) compare(i0, i1, j0, j1 int) {
	for r := range c.b {
		c.products(i0, i1, j0, j1, r)
	}
	for i := i0; i < i1; i++ {
		from := j0
		if c.self {
			from = max(j0, i+1)
		}
		for j := from; j < j1; j++ {
			at := (i-i0)*tile + j - j0
			score := c.best[at]
			if mine := &c.ofA[i]; mine.wants(score) {
				mine.add(Match{Index: int32(j), Relation: c.relation[at], Score: score})
			}
			if theirs := &c.ofB[j]; theirs.wants(score) {
				theirs.add(Match{Index: int32(i), Relation: c.relation[at], Score: score})
			}
		}
	}
}

// products keeps the greater of what is known of a tile and the products in
// relation r.
func (c *comparison) products(i0, i1, j0, j1, r int) {
	b := c.b[r]
	keep := func(i, j int, score float32) {
		at := (i-i0)*tile + j - j0
		if r == 0 || score > c.best[at] {
			c.best[at], c.relation[at] = score, int32(r)
		}
	}
	i := i0
	for ; i+2 <= i1; i += 2 {
		j := j0
		for ; j+4 <= j1; j += 4 {
			s := dots8(c.a.Row(i), c.a.Row(i+1), b.Row(j), b.Row(j+1), b.Row(j+2), b.Row(j+3))
			for n, score := range s {
				keep(i+n/4, j+n%4, score)
			}
		}
		for ; j < j1; j++ {
			keep(i, j, dot(c.a.Row(i), b.Row(j)))
			keep(i+1, j, dot(c.a.Row(i+1), b.Row(j)))
		}
	}
	for ; i < i1; i++ {
		for j := j0; j < j1; j++ {
			keep(i, j, dot(c.a.Row(i), b.Row(j)))
		}
	}
}

// top keeps the k nearest matches, the farthest of them last.
type top struct {
	k    int
	list []Match
}

func tops(n, k int) []top {
	out := make([]top, n)
	for i := range out {
		out[i].k = k
	}
	return out
}

func (t *top) wants(score float32) bool {
	return len(t.list) < t.k || score >= t.list[len(t.list)-1].Score
}

// add puts m in its place. Lists are short, and most matches end near the end.
func (t *top) add(m Match) {
	if len(t.list) == t.k {
		if !m.before(t.list[t.k-1]) {
			return
		}
		t.list = t.list[:t.k-1]
	}
	i := len(t.list)
	t.list = append(t.list, m)
	for ; i > 0 && m.before(t.list[i-1]); i-- {
		t.list[i] = t.list[i-1]
	}
	t.list[i] = m
}

func lists(tops []top) [][]Match {
	out := make([][]Match, len(tops))
	for i := range tops {
		out[i] = tops[i].list
	}
	return out
}

// merge joins what several looked at and keeps the k nearest of each row.
func merge(parts [][][]Match, k int) [][]Match {
	out := parts[0]
	for i := range out {
		for _, part := range parts[1:] {
			out[i] = append(out[i], part[i]...)
		}
		slices.SortFunc(out[i], func(a, b Match) int {
			if a.before(b) {
				return -1
			}
			return 1
		})
		out[i] = out[i][:min(k, len(out[i]))]
	}
	return out
}
