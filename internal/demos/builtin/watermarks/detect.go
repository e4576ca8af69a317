package watermarks

import (
	"cmp"
	"image"
	"math"
	"slices"

	"granary/internal/demos/plane"
)

const (
	// cell is the side of the squares, in pixels at workSide, in which strokes
	// are counted, and cellStrokes the samples that make one count.
	cell, cellStrokes = 8, 5
	// gap is how many cells apart two parts of one mark may be.
	gap = 3
	// smallest is the least long side of a mark in pixels.
	smallest = 24
	// maxBoxes bounds what is found on a picture.
	maxBoxes = 10
	// wholeScore is that of the whole picture where no mark is found.
	wholeScore = 0.1
)

// Box is where a mark lies, as parts of the picture's width and height.
type Box struct {
	X0, Y0, X1, Y1 float64
	// Score is how surely it is a mark, 0..1.
	Score float64
}

// Detect returns the marks on a picture, the surest first: groups of strokes,
// bright ones and dark ones apart, so that writing does not hide a mark. A
// picture without marks is one itself, with a low score.
func Detect(g plane.Gray) []Box {
	small := g.Within(workSide)
	s := findStrokes(small)
	var boxes []Box
	for _, bright := range []bool{true, false} {
		for _, group := range s.groups(bright) {
			if box, ok := group.box(s); ok {
				boxes = append(boxes, box)
			}
		}
	}
	slices.SortStableFunc(boxes, func(a, b Box) int { return cmp.Compare(b.Score, a.Score) })
	boxes = apart(boxes)
	if len(boxes) == 0 {
		return []Box{{X1: 1, Y1: 1, Score: wholeScore}}
	}
	return boxes[:min(len(boxes), maxBoxes)]
}

// group is strokes that lie close together.
type group struct {
	bounds image.Rectangle
	// strokes counts samples, sum adds up how much they stand out.
	strokes int
	sum     float64
}

// groups joins cells with strokes of one kind that lie near each other.
func (s strokes) groups(bright bool) []group {
	across, down := (s.w+cell-1)/cell, (s.h+cell-1)/cell
	cells := make([]group, across*down)
	// The edge of a photograph is a stroke too, but not of a mark.
	margin := max(2, min(s.w, s.h)/50)
	for y := margin; y < s.h-margin; y++ {
		for x := margin; x < s.w-margin; x++ {
			z := float64(s.z[y*s.w+x])
			if !bright {
				z = -z
			}
			if z > strong {
				c := &cells[y/cell*across+x/cell]
				c.strokes++
				c.sum += min(z, 10)
				c.bounds = c.bounds.Union(image.Rect(x, y, x+1, y+1))
			}
		}
	}
	var out []group
	taken := make([]bool, len(cells))
	for i := range cells {
		if taken[i] || cells[i].strokes < cellStrokes {
			continue
		}
		taken[i] = true
		found := group{}
		for waiting := []int{i}; len(waiting) > 0; {
			at := waiting[len(waiting)-1]
			waiting = waiting[:len(waiting)-1]
			found.bounds = found.bounds.Union(cells[at].bounds)
			found.strokes += cells[at].strokes
			found.sum += cells[at].sum
			for y := max(0, at/across-gap); y <= min(down-1, at/across+gap); y++ {
				for x := max(0, at%across-gap); x <= min(across-1, at%across+gap); x++ {
					if next := y*across + x; !taken[next] && cells[next].strokes >= cellStrokes {
						taken[next] = true
						waiting = append(waiting, next)
					}
				}
			}
		}
		out = append(out, found)
	}
	return out
}

// box returns the group as a box with a little room, unless it is too small.
func (g group) box(s strokes) (Box, bool) {
	size := g.bounds.Size()
	if max(size.X, size.Y) < smallest {
		return Box{}, false
	}
	// Many strokes that stand out well make a mark; what fills its box is a
	// stain, and a straight line is the mould's or a fold.
	strength := float64(g.strokes) * (g.sum / float64(g.strokes)) / 6
	score := strength / (strength + 120)
	if density := float64(g.strokes) / float64(size.X*size.Y); density > 0.4 {
		score *= math.Max(0, 1-2*(density-0.4))
	}
	if thin := float64(min(size.X, size.Y)) / float64(max(size.X, size.Y)); thin < 0.15 {
		score *= thin / 0.15
	}
	const room = 4
	w, h := float64(s.w), float64(s.h)
	return Box{
		X0: max(0, float64(g.bounds.Min.X-room)/w), Y0: max(0, float64(g.bounds.Min.Y-room)/h),
		X1: min(1, float64(g.bounds.Max.X+room)/w), Y1: min(1, float64(g.bounds.Max.Y+room)/h), Score: score,
	}, true
}

// apart drops boxes that lie mostly within a surer one.
func apart(boxes []Box) []Box {
	var kept []Box
	for _, b := range boxes {
		within := func(k Box) bool {
			w, h := min(b.X1, k.X1)-max(b.X0, k.X0), min(b.Y1, k.Y1)-max(b.Y0, k.Y0)
			return w > 0 && h > 0 && w*h > 0.5*(b.X1-b.X0)*(b.Y1-b.Y0)
		}
		if !slices.ContainsFunc(kept, within) {
			kept = append(kept, b)
		}
	}
	return kept
}

// rect returns the box in pixels of a w×h picture.
func (b Box) rect(w, h int) image.Rectangle {
	return image.Rect(int(b.X0*float64(w)), int(b.Y0*float64(h)), int(math.Ceil(b.X1*float64(w))), int(math.Ceil(b.Y1*float64(h))))
}
