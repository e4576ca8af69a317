package trace

import (
	"cmp"
	"math"
	"slices"
	"strconv"
)

// sameWidth is how much two stroke widths may differ and still be one.
const sameWidth = 1.1

// SVG returns the drawing as an SVG 1.1 document in the picture's own
// coordinates, with one decimal: <line>, <circle> and <path> elements in
// groups of one stroke width, and filled paths. It holds nothing else: no
// script, no style sheet, no reference.
func (d Drawing) SVG() []byte {
	w := &writer{}
	w.text(`<svg xmlns="http://www.w3.org/2000/svg" width="` + strconv.Itoa(d.Width) + `" height="` + strconv.Itoa(d.Height) +
		`" viewBox="0 0 ` + strconv.Itoa(d.Width) + ` ` + strconv.Itoa(d.Height) + `">` + "\n")
	if d.Dropped > 0 {
		w.text("<!-- " + strconv.Itoa(d.Dropped) + " smaller parts were left out: the drawing has more than " + strconv.Itoa(MaxSegments) + " primitives -->\n")
	}
	ends := `" stroke-linejoin="miter">`
	if d.Round {
		ends = `" stroke-linecap="round" stroke-linejoin="round">`
	}
	var strokes, fills []Shape
	for _, s := range d.Shapes {
		if s.Width > 0 {
			strokes = append(strokes, s)
		} else {
			fills = append(fills, s)
		}
	}
	for _, group := range byWidth(strokes) {
		w.text(`<g fill="none" stroke="#000" stroke-width="` + number(width(group)) + ends + "\n")
		for _, s := range group {
			w.shape(s)
		}
		w.text("</g>\n")
	}
	if len(fills) > 0 {
		w.text(`<g fill-rule="evenodd">` + "\n")
		for _, s := range fills {
			w.shape(s)
		}
		w.text("</g>\n")
	}
	w.text("</svg>\n")
	return w.out
}

// byWidth groups the strokes whose widths are nearly the same, the widest
// group last.
func byWidth(strokes []Shape) [][]Shape {
	slices.SortStableFunc(strokes, func(a, b Shape) int { return cmp.Compare(a.Width, b.Width) })
	var groups [][]Shape
	for i, s := range strokes {
		if i == 0 || s.Width > sameWidth*groups[len(groups)-1][0].Width {
			groups = append(groups, nil)
		}
		groups[len(groups)-1] = append(groups[len(groups)-1], s)
	}
	return groups
}

// width is the mean width of a group, each stroke by its length.
func width(group []Shape) float64 {
	sum, weight := 0.0, 0.0
	for _, s := range group {
		l := s.Outlines[0].length() + s.Width
		sum += s.Width * l
		weight += l
	}
	return max(sum/weight, 0.1)
}

// length is about how long the outline is.
func (o Outline) length() float64 {
	sum := 0.0
	at := o.Start
	for _, s := range o.Segments {
		switch s.Kind {
		case Circle:
			sum += 2 * math.Pi * s.Radius
		case Arc:
			sum += math.Abs(s.Sweep) * s.Radius
		default:
			sum += at.distance(s.To)
		}
		at = s.To
	}
	return sum
}

// writer builds the document.
type writer struct{ out []byte }

func (w *writer) text(s string) { w.out = append(w.out, s...) }

func (w *writer) attribute(name string, value float64) {
	w.text(" " + name + `="` + number(value) + `"`)
}

func (w *writer) shape(s Shape) {
	first := s.Outlines[0]
	if len(s.Outlines) == 1 && len(first.Segments) == 1 {
		switch g := first.Segments[0]; g.Kind {
		case Circle:
			w.text("<circle")
			w.attribute("cx", g.Center.X)
			w.attribute("cy", g.Center.Y)
			w.attribute("r", g.Radius)
			w.text("/>\n")
			return
		case Line:
			w.text("<line")
			w.attribute("x1", first.Start.X)
			w.attribute("y1", first.Start.Y)
			w.attribute("x2", g.To.X)
			w.attribute("y2", g.To.Y)
			w.text("/>\n")
			return
		}
	}
	w.text(`<path d="`)
	for _, o := range s.Outlines {
		w.outline(o)
	}
	w.text(`"/>` + "\n")
}

func (w *writer) outline(o Outline) {
	w.command('M', o.Start)
	at := o.Start
	for i, s := range o.Segments {
		switch s.Kind {
		case Line:
			if !o.Closed || i+1 < len(o.Segments) {
				w.command('L', s.To)
			}
		case Curve:
			w.command('C', s.C1, s.C2, s.To)
		default:
			w.arc(s, at)
		}
		at = s.To
	}
	if o.Closed {
		w.text("Z")
	}
}

// arc writes an arc in parts of at most a third of a circle. An SVG arc is
// given by its ends and radius, and near half a circle the centre that follows
// from rounded numbers would be pixels away.
func (w *writer) arc(s Segment, from Point) {
	sweep := s.Sweep
	if s.Kind == Circle {
		sweep = 2 * math.Pi
	}
	parts := max(1, int(math.Ceil(math.Abs(sweep)/(2*math.Pi/3)-1e-9)))
	flag := " 0 0 0 "
	if sweep > 0 {
		flag = " 0 0 1 "
	}
	first := s.Center.angleOf(from)
	for k := 1; k <= parts; k++ {
		to := s.To
		if k < parts {
			to = s.Center.polar(s.Radius, first+sweep*float64(k)/float64(parts))
		}
		w.text("A" + number(s.Radius) + " " + number(s.Radius) + flag + number(to.X))
		w.next(to.Y)
	}
}

func (w *writer) command(letter byte, points ...Point) {
	w.out = append(w.out, letter)
	for i, p := range points {
		if i == 0 {
			w.text(number(p.X))
		} else {
			w.next(p.X)
		}
		w.next(p.Y)
	}
}

// next writes a number after another; a minus sign parts them by itself.
func (w *writer) next(v float64) {
	s := number(v)
	if s[0] != '-' {
		w.text(" ")
	}
	w.text(s)
}

// number writes v with one decimal at most.
func number(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "0"
	}
	return strconv.FormatFloat(math.Round(v*10)/10+0, 'f', -1, 64)
}
