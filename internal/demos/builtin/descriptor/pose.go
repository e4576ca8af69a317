package descriptor

import (
	"fmt"
	"slices"

	"granary/internal/demos/plane"
)

// Pose is one of the eight ways in which a square can lie on itself. A picture
// in pose p shows at x, y what the upright picture has at p(x, y): the axes
// are swapped first (swapped), then x (mirrorX) and y (mirrorY) are mirrored.
type Pose uint8

const (
	mirrorX Pose = 1 << iota
	mirrorY
	swapped
)

// Upright is the pose of a picture as it is.
const Upright Pose = 0

// Poses is the number of poses.
const Poses = 8

// PoseOf returns the pose of a turn.
func PoseOf(t plane.Turn) Pose {
	switch t {
	case plane.HFlip:
		return mirrorX
	case plane.VFlip:
		return mirrorY
	case plane.Rot90:
		return swapped | mirrorX
	case plane.Rot180:
		return mirrorX | mirrorY
	case plane.Rot270:
		return swapped | mirrorY
	default:
		return Upright
	}
}

// Mirrored reports whether p turns left into right: it cannot be reached by
// rotation.
func (p Pose) Mirrored() bool {
	return (p&mirrorX != 0) != ((p&mirrorY != 0) != (p&swapped != 0))
}

// exchanged returns p with what it does to x done to y and the reverse.
func (p Pose) exchanged() Pose {
	return p&swapped | (p&mirrorX)<<1 | (p&mirrorY)>>1
}

// inverse returns the pose that undoes p.
func (p Pose) inverse() Pose {
	if p&swapped != 0 {
		return p.exchanged()
	}
	return p
}

// after returns the place that p gives to what q gives to a place.
func (p Pose) after(q Pose) Pose {
	if p&swapped != 0 {
		q = q.exchanged()
	}
	return p ^ q
}

// Relation is a relative pose that arises between two pictures and the first
// pair of turns that gives it, as indices of the turns that were asked for.
type Relation struct {
	Pose Pose
	A, B int
}

// Relations returns the distinct relative poses in which picture B may lie to
// picture A when both are tried under each of turns, in the order in which
// pairs of turns first give them: A unturned first. Errors: an unknown turn.
func Relations(turns []plane.Turn) ([]Relation, error) {
	poses := make([]Pose, len(turns))
	for i, t := range turns {
		if _, err := plane.ParseTurn(string(t)); err != nil {
			return nil, fmt.Errorf("read transpositions: %w", err)
		}
		poses[i] = PoseOf(t)
	}
	return RelationsBetween(poses, poses), nil
}

// RelationsBetween is Relations where A and B are tried under turns of their
// own.
func RelationsBetween(a, b []Pose) []Relation {
	var out []Relation
	for i, p := range a {
		for j, q := range b {
			r := q.after(p.inverse())
			if !slices.ContainsFunc(out, func(o Relation) bool { return o.Pose == r }) {
				out = append(out, Relation{Pose: r, A: i, B: j})
			}
		}
	}
	return out
}
