package keypoint

import (
	"math"
	"math/bits"
	"math/rand/v2"
)

const (
	// farthest is the number of bits in which matching codes may differ, and
	// ratio how much nearer than the second nearest the nearest must be.
	farthest = 72
	ratio    = 0.88
	// fewest agreeing matches make a geometry: by chance, four or five agree.
	fewest = 7
	// trials of RANSAC; with a third of good matches the chance to miss a good
	// pair of them is below 1e-9.
	trials = 200
	// tolerance is how far, in pixels of the first level, a corner may lie from
	// where the geometry puts it.
	tolerance = 6
	// squares along a side of the grid in which coverage is counted.
	squares = 6
)

// match is two corners with like codes.
type match struct{ a, b int32 }

// Compare returns how much of two pictures is one and the same thing, 0..1: the
// parts of each picture that hold corners which agree on one geometry, among
// the parts that hold corners. With mirrored set, b is seen in a mirror.
// Rotation, scale and place are free. The answer is always the same.
func Compare(a, b *Features, mirrored bool) float64 {
	matches := likely(a, b, mirrored)
	if len(matches) < fewest {
		return 0
	}
	from := make([]point, len(matches))
	to := make([]point, len(matches))
	for i, m := range matches {
		from[i], to[i] = a.points[m.a], b.points[m.b]
		if mirrored {
			to[i].x = b.w - to[i].x
		}
	}
	agreeing := agree(from, to)
	if len(agreeing) < fewest {
		return 0
	}
	inA, inB := make([]point, len(agreeing)), make([]point, len(agreeing))
	for i, m := range agreeing {
		inA[i], inB[i] = a.points[matches[m].a], b.points[matches[m].b]
	}
	return (coverage(inA, a) + coverage(inB, b)) / 2
}

// likely returns the pairs of corners that are each other's nearest in code.
func likely(a, b *Features, mirrored bool) []match {
	codes := b.plain
	if mirrored {
		codes = b.mirrored
	}
	type nearest struct {
		first, second uint16
		at            int32
	}
	ofB := make([]nearest, len(codes))
	for j := range ofB {
		ofB[j] = nearest{first: 512, second: 512}
	}
	ofA := make([]nearest, len(a.plain))
	for i := range a.plain {
		p := &a.plain[i]
		best := nearest{first: 512, second: 512}
		for j := range codes {
			q := &codes[j]
			d := uint16(bits.OnesCount64(p[0]^q[0]) + bits.OnesCount64(p[1]^q[1]) + bits.OnesCount64(p[2]^q[2]) + bits.OnesCount64(p[3]^q[3]))
			if d < best.second {
				if d < best.first {
					best.first, best.second, best.at = d, best.first, int32(j)
				} else {
					best.second = d
				}
			}
			if d < ofB[j].first {
				ofB[j].first, ofB[j].at = d, int32(i)
			}
		}
		ofA[i] = best
	}
	var out []match
	for i, n := range ofA {
		if n.first <= farthest && float64(n.first) < ratio*float64(n.second) && ofB[n.at].at == int32(i) {
			out = append(out, match{a: int32(i), b: n.at})
		}
	}
	return out
}

// affinity maps x, y to m0·x + m1·y + m2, m3·x + m4·y + m5.
type affinity [6]float64

func (m affinity) misses(from, to point) bool {
	dx := m[0]*float64(from.x) + m[1]*float64(from.y) + m[2] - float64(to.x)
	dy := m[3]*float64(from.x) + m[4]*float64(from.y) + m[5] - float64(to.y)
	return dx*dx+dy*dy > tolerance*tolerance
}

// agree returns the matches that one geometry explains: the similarity through
// two matches that most others follow, refined twice to the best affinity.
func agree(from, to []point) []int {
	r := rand.New(rand.NewPCG(1, 2)) // fixed, for answers that can be repeated
	var best []int
	for range trials {
		i, j := r.IntN(len(from)), r.IntN(len(from))
		m, ok := similarity(from[i], from[j], to[i], to[j])
		if !ok {
			continue
		}
		if found := followers(m, from, to); len(found) > len(best) {
			best = found
		}
	}
	for range 2 {
		if len(best) < fewest {
			break
		}
		m, ok := fit(from, to, best)
		if !ok {
			break
		}
		if found := followers(m, from, to); len(found) >= len(best) {
			best = found
		}
	}
	return best
}

func followers(m affinity, from, to []point) []int {
	var out []int
	for i := range from {
		if !m.misses(from[i], to[i]) {
			out = append(out, i)
		}
	}
	return out
}

// similarity returns the rotation, scale and shift that takes two points to two
// others, unless they lie too close or the scale is beyond three.
func similarity(a0, a1, b0, b1 point) (affinity, bool) {
	ax, ay := float64(a1.x-a0.x), float64(a1.y-a0.y)
	bx, by := float64(b1.x-b0.x), float64(b1.y-b0.y)
	la, lb := ax*ax+ay*ay, bx*bx+by*by
	if la < 400 || lb < 400 || la > 9*lb || lb > 9*la {
		return affinity{}, false
	}
	cos, sin := (ax*bx+ay*by)/la, (ax*by-ay*bx)/la
	return affinity{
		cos, -sin, float64(b0.x) - cos*float64(a0.x) + sin*float64(a0.y),
		sin, cos, float64(b0.y) - sin*float64(a0.x) - cos*float64(a0.y),
	}, true
}

// fit returns the affinity of least squares through the chosen matches, unless
// they lie on a line.
func fit(from, to []point, chosen []int) (affinity, bool) {
	n := float64(len(chosen))
	var ax, ay, bx, by float64
	for _, i := range chosen {
		ax, ay = ax+float64(from[i].x)/n, ay+float64(from[i].y)/n
		bx, by = bx+float64(to[i].x)/n, by+float64(to[i].y)/n
	}
	var xx, xy, yy, ux, uy, vx, vy float64
	for _, i := range chosen {
		x, y := float64(from[i].x)-ax, float64(from[i].y)-ay
		u, v := float64(to[i].x)-bx, float64(to[i].y)-by
		xx, xy, yy = xx+x*x, xy+x*y, yy+y*y
		ux, uy, vx, vy = ux+u*x, uy+u*y, vx+v*x, vy+v*y
	}
	det := xx*yy - xy*xy
	if det < 1e-6*(xx+yy)*(xx+yy) {
		return affinity{}, false
	}
	m0, m1 := (ux*yy-uy*xy)/det, (uy*xx-ux*xy)/det
	m3, m4 := (vx*yy-vy*xy)/det, (vy*xx-vx*xy)/det
	return affinity{m0, m1, bx - m0*ax - m1*ay, m3, m4, by - m3*ax - m4*ay}, true
}

// coverage returns the part of the squares with corners that hold one of some.
func coverage(some []point, f *Features) float64 {
	all, covered := map[int]bool{}, map[int]bool{}
	square := func(p point) int {
		return int(math.Floor(float64(p.y/f.h)*squares))*squares + int(math.Floor(float64(p.x/f.w)*squares))
	}
	for _, p := range f.points {
		all[square(p)] = true
	}
	for _, p := range some {
		covered[square(p)] = true
	}
	return float64(len(covered)) / float64(len(all))
}
