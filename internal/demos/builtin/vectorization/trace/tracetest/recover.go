package tracetest

import "math"

// Recovered counts, by kind, the elements of the diagram that the drawing
// shows as what they are: a circle as one circle, straight sides as straight
// pieces, arcs as arcs about the same centre, curves as curved pieces. The
// first number is of those found, the second of all. Polygons count by side,
// broken lines by dash.
func (d Diagram) Recovered(drawing *Drawing) map[Kind][2]int {
	out := map[Kind][2]int{}
	count := func(kind Kind, found bool) {
		n := out[kind]
		n[1]++
		if found {
			n[0]++
		}
		out[kind] = n
	}
	for _, e := range d.Elements {
		near := 0.7 + 0.15*e.Width
		switch e.Kind {
		case Circle, Disc:
			count(e.Kind, drawing.hasCircle(e, near))
		case Line:
			count(Line, drawing.shows(e.Points, near, straight))
		case Dashes:
			for _, dash := range e.Dashes() {
				count(Dashes, drawing.shows(dash[:], near, straight))
			}
		case Polygon, Solid:
			for i, p := range e.Points {
				count(e.Kind, drawing.shows([]Point{p, e.Points[(i+1)%len(e.Points)]}, near, straight))
			}
		case Arc:
			about := func(p Piece) bool {
				slack := near + 0.02*e.Radius
				return p.Command == 'A' && p.Center.Distance(e.Center) < slack && math.Abs(p.Radius-e.Radius) < slack
			}
			count(Arc, drawing.shows(flattenArc(e.Center, e.Radius, e.From, e.Sweep), near, about))
		case Curve:
			points := []Point{e.Points[0]}
			for k := 0; k+3 < len(e.Points); k += 3 {
				points = append(points, flattenCubic(e.Points[k], e.Points[k+1], e.Points[k+2], e.Points[k+3])...)
			}
			count(Curve, drawing.shows(points, near, func(p Piece) bool { return p.Command != 'L' }))
		}
	}
	return out
}

func straight(p Piece) bool { return p.Command == 'L' }

// hasCircle looks for a whole circle, stroked or filled as the element is.
func (d *Drawing) hasCircle(e Element, near float64) bool {
	for _, item := range d.Items {
		if item.Name == "circle" && (item.Width > 0) == (e.Width > 0) &&
			item.Center.Distance(e.Center) < near && math.Abs(item.Radius-e.Radius) < near {
			return true
		}
	}
	return false
}

// shows reports whether nine tenths of the line along points lie near pieces
// that are wanted.
func (d *Drawing) shows(points []Point, near float64, wanted func(Piece) bool) bool {
	var pieces []Piece
	for _, item := range d.Items {
		for _, path := range item.Paths {
			for _, piece := range path.Pieces {
				if wanted(piece) {
					pieces = append(pieces, piece)
				}
			}
		}
	}
	shown, all := 0, 0
	for i := 1; i < len(points); i++ {
		a, b := points[i-1], points[i]
		steps := int(a.Distance(b)/2) + 1
		for k := range steps {
			p := a.add(b.sub(a).scale((float64(k) + 0.5) / float64(steps)))
			all++
			for _, piece := range pieces {
				if piece.distance(p) < near {
					shown++
					break
				}
			}
		}
	}
	return float64(shown) >= 0.9*float64(all)
}

// distance is how far p lies from the piece.
func (p Piece) distance(q Point) float64 {
	best := math.Inf(1)
	for i := 1; i < len(p.Points); i++ {
		a, d := p.Points[i-1], p.Points[i].sub(p.Points[i-1])
		t := 0.0
		if l := d.X*d.X + d.Y*d.Y; l > 0 {
			t = min(max(((q.X-a.X)*d.X+(q.Y-a.Y)*d.Y)/l, 0), 1)
		}
		best = min(best, q.Distance(a.add(d.scale(t))))
	}
	return best
}
