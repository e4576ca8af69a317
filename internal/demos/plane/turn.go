package plane

import "fmt"

// Turn is one of the transpositions under which pictures are compared. The
// rotations are counter-clockwise.
type Turn string

// The turns.
const (
	None   Turn = "none"
	HFlip  Turn = "hflip"
	VFlip  Turn = "vflip"
	Rot90  Turn = "rot90"
	Rot180 Turn = "rot180"
	Rot270 Turn = "rot270"
)

// ParseTurn returns the turn of that name.
func ParseTurn(name string) (Turn, error) {
	switch t := Turn(name); t {
	case None, HFlip, VFlip, Rot90, Rot180, Rot270:
		return t, nil
	}
	return "", fmt.Errorf("unknown transposition %q", name)
}

// Turned returns g turned; None returns g itself.
func (g Gray) Turned(t Turn) Gray {
	if t == None || t == "" {
		return g
	}
	w, h := g.W, g.H
	if t == Rot90 || t == Rot270 {
		w, h = h, w
	}
	out := New(w, h)
	for y := range h {
		dst := out.Row(y)
		for x := range dst {
			sx, sy := t.source(x, y, g.W, g.H)
			dst[x] = g.Pix[sy*g.W+sx]
		}
	}
	return out
}

// source returns the place in a w×h picture that lands on x, y.
func (t Turn) source(x, y, w, h int) (int, int) {
	switch t {
	case HFlip:
		return w - 1 - x, y
	case VFlip:
		return x, h - 1 - y
	case Rot90:
		return w - 1 - y, x
	case Rot180:
		return w - 1 - x, h - 1 - y
	case Rot270:
		return y, h - 1 - x
	default:
		return x, y
	}
}
