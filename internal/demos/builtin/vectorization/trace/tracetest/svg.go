package tracetest

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"granary/internal/demos/plane"
)

// Drawing is an SVG document of the subset that a tracer writes.
type Drawing struct {
	W, H  int
	Items []Item
	// Elements counts the elements by name, groups included.
	Elements map[string]int
}

// Item is one drawn element.
type Item struct {
	// Name is line, circle or path.
	Name string
	// Width is the stroke width, 0 for a fill.
	Width float64
	Round bool
	// Paths are its outlines.
	Paths []Path
	// Center and Radius are those of a circle.
	Center Point
	Radius float64
}

// Path is one outline.
type Path struct {
	Closed bool
	Pieces []Piece
}

// Piece is a segment of an outline.
type Piece struct {
	// Command is L, A or C.
	Command byte
	// Points are the flattened places, from the start to the end.
	Points []Point
	// Center and Radius are those of an arc.
	Center Point
	Radius float64
}

// style is what a group hands down.
type style struct {
	width  float64
	stroke bool
	round  bool
}

// Parse reads an SVG document and refuses every element and attribute outside
// the subset.
func Parse(document []byte) (*Drawing, error) {
	decoder := xml.NewDecoder(bytes.NewReader(document))
	d := &Drawing{Elements: map[string]int{}}
	styles := []style{{}}
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("parse svg: %w", err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			inherited, err := d.element(t, styles[len(styles)-1])
			if err != nil {
				return nil, fmt.Errorf("parse svg: <%s>: %w", t.Name.Local, err)
			}
			styles = append(styles, inherited)
		case xml.EndElement:
			styles = styles[:len(styles)-1]
		case xml.CharData:
			if len(bytes.TrimSpace(t)) > 0 {
				return nil, errors.New("parse svg: text between the elements")
			}
		case xml.Directive, xml.ProcInst:
			return nil, errors.New("parse svg: a directive")
		}
	}
	if d.Elements["svg"] != 1 {
		return nil, errors.New("parse svg: no <svg> element, or several")
	}
	return d, nil
}

func (d *Drawing) element(t xml.StartElement, inherited style) (style, error) {
	d.Elements[t.Name.Local]++
	item := Item{Name: t.Name.Local, Width: inherited.width, Round: inherited.round}
	numbers := map[string]float64{}
	for _, a := range t.Attr {
		switch a.Name.Local {
		case "xmlns", "viewBox", "fill", "fill-rule", "stroke-linejoin":
			if a.Name.Local == "viewBox" {
				if _, err := fmt.Sscanf(a.Value, "0 0 %d %d", &d.W, &d.H); err != nil || d.W < 0 || d.H < 0 || d.W*d.H > 1<<26 {
					return style{}, fmt.Errorf("viewBox %q", a.Value)
				}
			}
		case "stroke":
			inherited.stroke = true
		case "stroke-linecap":
			inherited.round = a.Value == "round"
		case "d":
			paths, err := parsePath(a.Value)
			if err != nil {
				return style{}, err
			}
			item.Paths = paths
		case "width", "height", "stroke-width", "x1", "y1", "x2", "y2", "cx", "cy", "r":
			v, err := strconv.ParseFloat(a.Value, 64)
			if err != nil || math.Abs(v) > 1e6 || math.IsNaN(v) {
				return style{}, fmt.Errorf("%s=%q", a.Name.Local, a.Value)
			}
			numbers[a.Name.Local] = v
			if a.Name.Local == "stroke-width" {
				inherited.width = v
			}
		default:
			return style{}, fmt.Errorf("attribute %q", a.Name.Local)
		}
	}
	switch t.Name.Local {
	case "svg", "g":
		return inherited, nil
	case "line":
		a, b := Point{numbers["x1"], numbers["y1"]}, Point{numbers["x2"], numbers["y2"]}
		item.Paths = []Path{{Pieces: []Piece{{Command: 'L', Points: []Point{a, b}}}}}
	case "circle":
		item.Center, item.Radius = Point{numbers["cx"], numbers["cy"]}, numbers["r"]
		item.Paths = []Path{{Closed: true, Pieces: []Piece{{
			Command: 'A', Points: flattenArc(item.Center, item.Radius, 0, 2*math.Pi), Center: item.Center, Radius: item.Radius,
		}}}}
	case "path":
	default:
		return style{}, errors.New("unexpected element")
	}
	d.Items = append(d.Items, item)
	return inherited, nil
}

// parsePath reads absolute M, L, A, C and Z.
func parsePath(data string) ([]Path, error) {
	r := &pathReader{rest: data}
	var paths []Path
	var at, start Point
	for {
		letter, ok := r.letter()
		if !ok {
			return paths, r.err
		}
		if letter == 'M' {
			at = r.point()
			start = at
			paths = append(paths, Path{})
			continue
		}
		if len(paths) == 0 {
			return nil, errors.New("a path that does not begin with M")
		}
		path := &paths[len(paths)-1]
		piece := Piece{Command: letter, Points: []Point{at}}
		switch letter {
		case 'L':
			piece.Points = append(piece.Points, r.point())
		case 'C':
			b, c, e := r.point(), r.point(), r.point()
			piece.Points = append(piece.Points, flattenCubic(at, b, c, e)...)
		case 'A':
			radius := r.number()
			r.number()
			r.number()
			large, clockwise := r.number() != 0, r.number() != 0
			piece.arc(at, r.point(), radius, large, clockwise)
		case 'Z':
			path.Closed = true
			if at.Distance(start) > 0 {
				path.Pieces = append(path.Pieces, Piece{Command: 'L', Points: []Point{at, start}})
			}
			at = start
			continue
		default:
			return nil, fmt.Errorf("path command %q", letter)
		}
		if r.err != nil {
			return nil, r.err
		}
		at = piece.Points[len(piece.Points)-1]
		path.Pieces = append(path.Pieces, piece)
	}
}

// arc finds the centre from the ends (SVG 1.1, appendix F.6.5).
func (p *Piece) arc(a, b Point, radius float64, large, clockwise bool) {
	d := b.sub(a)
	chord := math.Hypot(d.X, d.Y)
	if chord < 1e-9 || radius < 1e-9 {
		p.Points = append(p.Points, b)
		return
	}
	radius = max(radius, chord/2)
	height := math.Sqrt(max(0, radius*radius-chord*chord/4))
	if large == clockwise {
		height = -height
	}
	middle := a.add(b).scale(0.5)
	p.Center = middle.add(Point{-d.Y, d.X}.scale(height / chord))
	p.Radius = radius
	from := math.Atan2(a.Y-p.Center.Y, a.X-p.Center.X)
	sweep := math.Atan2(b.Y-p.Center.Y, b.X-p.Center.X) - from
	if clockwise && sweep < 0 {
		sweep += 2 * math.Pi
	} else if !clockwise && sweep > 0 {
		sweep -= 2 * math.Pi
	}
	p.Points = flattenArc(p.Center, radius, from, sweep)
}

// pathReader takes a path apart.
type pathReader struct {
	rest string
	err  error
}

func (r *pathReader) skip() { r.rest = strings.TrimLeft(r.rest, " ,\n\t") }

func (r *pathReader) letter() (byte, bool) {
	r.skip()
	if r.rest == "" || r.err != nil {
		return 0, false
	}
	c := r.rest[0]
	r.rest = r.rest[1:]
	return c, true
}

func (r *pathReader) number() float64 {
	r.skip()
	n := 0
	for n < len(r.rest) && (r.rest[n] >= '0' && r.rest[n] <= '9' || r.rest[n] == '.' || r.rest[n] == '-' && n == 0) {
		n++
	}
	v, err := strconv.ParseFloat(r.rest[:n], 64)
	if err != nil || math.Abs(v) > 1e6 {
		if r.err == nil {
			r.err = fmt.Errorf("path number %q", r.rest[:n])
		}
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *pathReader) point() Point { return Point{r.number(), r.number()} }

// Render draws the document in black on white.
func (d *Drawing) Render() plane.Gray {
	c := newCanvas(d.W, d.H)
	for _, item := range d.Items {
		var polygons [][]Point
		for _, path := range item.Paths {
			var points []Point
			for i, piece := range path.Pieces {
				if i == 0 {
					points = append(points, piece.Points[0])
				}
				points = append(points, piece.Points[1:]...)
			}
			if path.Closed && len(points) > 1 && points[0].Distance(points[len(points)-1]) < 1e-6 {
				points = points[:len(points)-1]
			}
			if item.Width > 0 {
				c.draw(stroke{points: points, closed: path.Closed, width: item.Width, round: item.Round})
			} else if len(points) > 2 {
				// Even-odd: the first outline is the outer one, others are holes.
				polygons = append(polygons, oriented(points, len(polygons) == 0))
			}
		}
		if len(polygons) > 0 {
			c.fill(polygons)
		}
	}
	return c.picture()
}
