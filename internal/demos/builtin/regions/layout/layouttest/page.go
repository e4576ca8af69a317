package layouttest

import (
	"fmt"
	"image"
	"image/color"
	"math/rand/v2"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"

	"granary/internal/demos/plane"
)

// Kind is what a figure is drawn as.
type Kind int

// The kinds of figures.
const (
	Drawing Kind = iota
	Engraving
	Halftone
	Photograph
	kinds
)

// Figure is one of a page.
type Figure struct {
	// Box is where its ink lies.
	Box  image.Rectangle
	Kind Kind
}

// Page is a picture and what is on it.
type Page struct {
	Gray    plane.Gray
	Figures []Figure
	// Lines are the lines of text outside the figures.
	Lines []image.Rectangle
	// Skew is in degrees.
	Skew float64
}

// paper is the lightness of the sheet, and ink that of the print.
const paper, ink = 235, 30

// draft is a page that is being drawn.
type draft struct {
	Page
	random *rand.Rand
	font   *opentype.Font
	// unit is a thousandth of the page's height.
	unit float64
}

// Draw returns a page of the given height. Equal seeds give equal pages.
func Draw(seed uint64, height int) (Page, error) {
	parsed, err := opentype.Parse(goregular.TTF)
	if err != nil {
		return Page{}, fmt.Errorf("read font: %w", err)
	}
	d := &draft{random: rand.New(rand.NewPCG(seed, 7)), font: parsed, unit: float64(height) / 1000}
	d.Gray = plane.Filled(height*72/100, height, color.Gray{Y: paper})
	columns := 1 + d.random.IntN(3)
	side, gutter := 60*d.unit, 24*d.unit
	width := (float64(d.Gray.W) - 2*side - float64(columns-1)*gutter) / float64(columns)
	for c := range columns {
		x := side + float64(c)*(width+gutter)
		if err := d.column(x, x+width, 70*d.unit, 930*d.unit); err != nil {
			return Page{}, err
		}
		if c > 0 && d.random.IntN(2) == 0 {
			d.fill(image.Rect(int(x-gutter/2), int(70*d.unit), int(x-gutter/2+max(1, d.unit)), int(930*d.unit)), ink)
		}
	}
	return d.Page, nil
}

func (d *draft) between(low, high float64) float64 { return low + (high-low)*d.random.Float64() }

// column fills a column with headings, paragraphs and figures.
func (d *draft) column(x0, x1, y, bottom float64) error {
	size := d.between(13, 17) * d.unit
	for y < bottom-3*size {
		var err error
		switch kind := d.random.IntN(10); {
		case kind < 3 && bottom-y > 220*d.unit:
			y, err = d.figure(x0, x1, y+size, bottom, size)
		case kind == 3 && bottom-y > 8*size:
			y, err = d.text(x0, x1, y+size, y+2*size, 1.9*size, 1)
			d.fill(image.Rect(int(x0), int(y), int(x1), int(y+max(1, 1.5*d.unit))), ink)
			y += size
		default:
			y, err = d.text(x0, x1, y, min(bottom, y+d.between(6, 16)*size), size, 0)
			y += size
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// text sets lines from y to bottom, or as many as asked for, and returns where
// the next thing may begin.
func (d *draft) text(x0, x1, y, bottom, size float64, most int) (float64, error) {
	face, err := opentype.NewFace(d.font, &opentype.FaceOptions{Size: size, DPI: 72})
	if err != nil {
		return y, fmt.Errorf("make font: %w", err)
	}
	defer face.Close()
	drawer := font.Drawer{Dst: d.Gray.Image(), Src: image.NewUniform(color.Gray{Y: ink}), Face: face}
	for n := 0; (most == 0 || n < most) && (n == 0 || y+1.3*size < bottom); n++ {
		line := d.words(&drawer, x1-x0)
		drawer.Dot = fixed.Point26_6{X: fixed.Int26_6(x0 * 64), Y: fixed.Int26_6((y + size) * 64)}
		d.Lines = append(d.Lines, image.Rect(int(x0), int(y+0.2*size), drawer.Dot.X.Ceil()+drawer.MeasureString(line).Ceil(), int(y+1.25*size)))
		drawer.DrawString(line)
		y += 1.35 * size
	}
	return y, nil
}

// words returns as many as fit.
func (d *draft) words(drawer *font.Drawer, width float64) string {
	const letters = "etaoinshrdlucmfwypvbgkjqxzETAOINSHR"
	line := ""
	for {
		word := make([]byte, 2+d.random.IntN(8))
		for i := range word {
			word[i] = letters[min(d.random.IntN(len(letters)), d.random.IntN(len(letters)))]
		}
		next := line + string(word)
		if float64(drawer.MeasureString(next).Ceil()) > width {
			if line == "" {
				return string(word[:2])
			}
			return line
		}
		line = next + []string{" ", " ", " ", ", ", ". "}[d.random.IntN(5)]
	}
}

func (d *draft) fill(r image.Rectangle, shade uint8) {
	r = r.Intersect(image.Rect(0, 0, d.Gray.W, d.Gray.H))
	for y := r.Min.Y; y < r.Max.Y; y++ {
		row := d.Gray.Row(y)[r.Min.X:r.Max.X]
		for x := range row {
			row[x] = shade
		}
	}
}
