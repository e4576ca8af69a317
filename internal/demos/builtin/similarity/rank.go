package similarity

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"granary/internal/demos/builtin/descriptor"
	"granary/internal/demos/builtin/gallery"
	"granary/internal/demos/builtin/keypoint"
	"granary/internal/platform/fault"
)

// maxCompared bounds the pairs of pictures that segswap looks at between two
// documents; about half an hour on two processors.
const maxCompared = 4_000_000

// ranking compares the pictures of a gallery.
type ranking struct {
	gallery   *gallery.Gallery
	relations []descriptor.Relation
	upright   descriptor.Rows
	// posed are the vectors in the pose of each relation.
	posed []descriptor.Rows
}

// between returns the pairs of two documents by cosine in which one picture is
// among the k best matches of the other. The same document twice gives pairs
// of its different pictures.
func (r *ranking) between(ctx context.Context, a, b gallery.Part, k int) ([]pair, error) {
	left := r.upright.Part(a.From, a.To)
	right := make([]descriptor.Rows, len(r.posed))
	for i, rows := range r.posed {
		right[i] = rows.Part(b.From, b.To)
	}
	var pairs []pair
	add := func(i, j int, m descriptor.Match) {
		pairs = append(pairs, pair{A: a.From + i, B: b.From + j, Score: float64(m.Score), Relation: int(m.Relation)})
	}
	if a.UID == b.UID {
		matches, err := descriptor.NearestOthers(ctx, left, right, k)
		if err != nil {
			return nil, err
		}
		for i, of := range matches {
			for _, m := range of {
				add(min(i, int(m.Index)), max(i, int(m.Index)), m)
			}
		}
		return distinct(pairs), nil
	}
	ofA, ofB, err := descriptor.Nearest(ctx, left, right, k)
	if err != nil {
		return nil, err
	}
	for i, of := range ofA {
		for _, m := range of {
			add(i, int(m.Index), m)
		}
	}
	for j, of := range ofB {
		for _, m := range of {
			add(int(m.Index), j, m)
		}
	}
	return distinct(pairs), nil
}

// every returns all pairs of pictures of two documents.
func every(a, b gallery.Part) ([]pair, error) {
	if (a.To-a.From)*(b.To-b.From) > maxCompared {
		return nil, fault.New(fault.TooLarge, "segswap without a prefilter compares %d×%d pictures of %.80s and %.80s, more than %d pairs: set segswap_prefilter",
			a.To-a.From, b.To-b.From, a.UID, b.UID, maxCompared)
	}
	var pairs []pair
	for i := a.From; i < a.To; i++ {
		for j := max(b.From, i+1); j < b.To; j++ {
			pairs = append(pairs, pair{A: i, B: j})
		}
	}
	return pairs, nil
}

// reviewed returns the pairs with the score of their parts. Of the pairs of
// each picture the best n are kept, and those without likeness only where the
// picture has no other.
func (r *ranking) reviewed(ctx context.Context, pairs []pair, n int, progress func(done int)) ([]pair, error) {
	mirrored, plain := -1, -1 // a relation of each kind
	for i, relation := range r.relations {
		if relation.Pose.Mirrored() && mirrored < 0 {
			mirrored = i
		}
		if !relation.Pose.Mirrored() && plain < 0 {
			plain = i
		}
	}
	var done atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	const batch = 64
	for part := range slices.Chunk(pairs, batch) {
		group.Go(func() error {
			for i := range part {
				if err := ctx.Err(); err != nil {
					return err
				}
				r.review(&part[i], plain, mirrored)
			}
			progress(int(done.Add(int64(len(part)))))
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return best(pairs, n), nil
}

// review scores one pair. Rotations need no trial of their own, so the pose
// that the vectors found is kept unless the parts see a mirror image instead.
func (r *ranking) review(p *pair, plain, mirrored int) {
	a, b := r.gallery.Corners[p.A], r.gallery.Corners[p.B]
	reflected := r.relations[p.Relation].Pose.Mirrored()
	p.Score = keypoint.Compare(a, b, reflected)
	other := mirrored
	if reflected {
		other = plain
	}
	if other < 0 {
		return
	}
	if score := keypoint.Compare(a, b, !reflected); score > p.Score {
		p.Score, p.Relation = score, other
	}
}

// best keeps the pairs that are among the n best of either picture. A pair
// without likeness stays only as the first of a picture.
func best(pairs []pair, n int) []pair {
	slices.SortStableFunc(pairs, func(a, b pair) int { return -cmp.Compare(a.Score, b.Score) })
	held := map[int]int{}
	var kept []pair
	for _, p := range pairs {
		limit := n
		if p.Score <= 0 {
			limit = 1
		}
		if held[p.A] < limit || held[p.B] < limit {
			kept = append(kept, p)
			held[p.A]++
			held[p.B]++
		}
	}
	return kept
}

// distinct orders pairs by their pictures, the lower first, and drops
// repetitions: two pictures may be among each other's best matches.
func distinct(pairs []pair) []pair {
	slices.SortFunc(pairs, func(a, b pair) int { return cmp.Or(cmp.Compare(a.A, b.A), cmp.Compare(a.B, b.B)) })
	return slices.CompactFunc(pairs, func(a, b pair) bool { return a.A == b.A && a.B == b.B })
}
