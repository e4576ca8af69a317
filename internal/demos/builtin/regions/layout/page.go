package layout

import (
	"context"
	"image"
	"math"

	"granary/internal/demos/plane"
)

// Box is where something lies, in pixels of the picture.
type Box struct {
	image.Rectangle
	// Confidence is how surely it is what it is said to be, 0..1.
	Confidence float64
}

// Figure is a photograph, an engraving or a drawing.
type Figure struct {
	Box
	// Drawing is true for lines on paper, false for continuous tone.
	Drawing bool
}

// Line is a line of text in one column.
type Line struct {
	Box
	// Characters are in order from left to right; letters that touch are one.
	Characters []Box
}

// Page is what is found on a picture. Its boxes lie within the picture.
type Page struct {
	// Skew is the angle in degrees by which lines of text fall to the right.
	Skew    float64
	Figures []Figure
	Lines   []Line
}

// sheet is what the steps share.
type sheet struct {
	// w and h are the size of the working picture, scale its reduction.
	w, h, scale int
	// within bounds the boxes.
	within image.Rectangle
	// height is that of most characters in working pixels.
	height float64
	// skew is in radians.
	skew float64
}

// full returns a box of the working picture in pixels of the picture.
func (s sheet) full(r image.Rectangle) image.Rectangle {
	return image.Rect(r.Min.X*s.scale, r.Min.Y*s.scale, r.Max.X*s.scale, r.Max.Y*s.scale).Intersect(s.within)
}

// Analyse looks at a page. The only error is ctx's.
func Analyse(ctx context.Context, g plane.Gray) (Page, error) {
	if g.W == 0 || g.H == 0 {
		return Page{}, ctx.Err()
	}
	small, scale := shrunk(g)
	level0 := findPaper(small)
	parts, runs := findParts(findInk(small, level0), small.W, small.H)
	if err := ctx.Err(); err != nil {
		return Page{}, err
	}
	dots := crowded(parts, small.W, small.H)
	var others []part
	for i, p := range parts {
		if !dots[i] {
			others = append(others, p)
		}
	}
	s := sheet{w: small.W, h: small.H, scale: scale, within: image.Rect(0, 0, g.W, g.H)}
	s.height = characterHeight(others, s.w, s.h)
	s.skew = findSkew(others, s.height)
	level(parts, runs, s.skew)
	kinds := sortOut(parts, dots, s)
	if err := ctx.Err(); err != nil {
		return Page{}, err
	}
	findHatches(parts, kinds, s.height)
	lines := findLines(parts, kinds, s.height)
	page := Page{
		Skew:    s.skew * 180 / math.Pi,
		Figures: findFigures(parts, kinds, lines, findTone(small, level0, s.skew), s),
	}
	adopt(lines, parts, kinds)
	page.Lines = page.textLines(lines, parts, s)
	return page, ctx.Err()
}

// sortOut says of each part what it is by its size alone.
func sortOut(parts []part, dots []bool, s sheet) []kind {
	kinds := make([]kind, len(parts))
	for i, p := range parts {
		switch {
		case dots[i]:
			kinds[i] = dot
		case isMargin(p, s.w, s.h):
			kinds[i] = margin
		case isRule(p, s.height):
			kinds[i] = rule
		case p.height() >= 5*s.height, p.width() >= max(12*p.height(), 20*s.height):
			kinds[i] = large
		case isStroke(p):
			kinds[i] = hatch
		}
	}
	return kinds
}

// textLines returns the lines outside the figures.
func (p Page) textLines(lines []textLine, parts []part, s sheet) []Line {
	var out []Line
	for _, l := range lines {
		line := Line{Box: Box{Rectangle: s.full(l.box)}}
		inside := false
		for _, f := range p.Figures {
			shared := f.Intersect(line.Rectangle)
			inside = inside || 2*shared.Dx()*shared.Dy() > line.Dx()*line.Dy()
		}
		if inside {
			continue
		}
		// More characters of the page's own size make a surer line.
		count := float64(len(l.members))
		likeness := min(l.tall, s.height) / max(l.tall, s.height)
		line.Confidence = count / (count + 3) * (0.5 + 0.5*likeness)
		for _, c := range l.characters(parts) {
			line.Characters = append(line.Characters, Box{Rectangle: s.full(c), Confidence: line.Confidence})
		}
		out = append(out, line)
	}
	return out
}
