package sample

import (
	"fmt"
	"image"
	"image/color"
	"math"
	"math/rand/v2"
	"strings"

	"golang.org/x/image/draw"
	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// text fills the pages: the opening of Sacrobosco's De sphaera (13th century).
const text = `Tractatum de sphaera quattuor capitulis distinguimus dicentes primo quid sit sphaera quid eius centrum
quid axis sphaerae quid sit polus mundi quot sint sphaerae et quae sit forma mundi in secundo de circulis ex quibus
sphaera materialis componitur et illa supercaelestis quae per istam imaginatur componi intelligitur in tertio de ortu et
occasu signorum et de diversitate dierum et noctium et de divisione climatum in quarto de circulis et motibus planetarum
et de causis eclipsium`

const (
	pageWidth, pageHeight = 1000, 1400
	pageMargin            = 110
	lineHeight            = 34
)

// Pages returns two printed pages, each with two figures in its text.
func Pages() ([]Picture, error) {
	parsed, err := opentype.Parse(goregular.TTF)
	if err != nil {
		return nil, fmt.Errorf("read font: %w", err)
	}
	face, err := opentype.NewFace(parsed, &opentype.FaceOptions{Size: 24, DPI: 72, Hinting: font.HintingNone})
	if err != nil {
		return nil, fmt.Errorf("open font: %w", err)
	}
	defer face.Close()
	var out []Picture
	for n := range 2 {
		s := newSheet(pageWidth, pageHeight, paper())
		s.print(face, n)
		s.age(rand.New(rand.NewPCG(uint64(n), 31)), 4)
		picture, err := encode(fmt.Sprintf("page-%d.png", n+1), s)
		if err != nil {
			return nil, err
		}
		out = append(out, picture)
	}
	return out, nil
}

// print sets the text in lines around two figures.
func (s sheet) print(face font.Face, n int) {
	words := strings.Fields(text)
	writer := font.Drawer{Dst: s, Src: image.NewUniform(ink()), Face: face}
	word := 17 * n
	lines := func(top, count int) {
		for line := range count {
			x := pageMargin
			for {
				next := words[word%len(words)]
				width := writer.MeasureString(next).Ceil()
				if x+width > pageWidth-pageMargin {
					break
				}
				writer.Dot = fixed.P(x, top+line*lineHeight)
				writer.DrawString(next)
				x += width + 9
				word++
			}
		}
	}
	lines(140, 6)
	place := func(top int, figure sheet) {
		left := (pageWidth - figure.Rect.Dx()) / 2
		draw.Draw(s, image.Rect(left, top, pageWidth, pageHeight), figure, image.Point{}, draw.Src)
	}
	small := newSheet(380, 380, paper())
	draw.CatmullRom.Scale(small, small.Rect, epicycle(), image.Rect(40, 40, 720, 720), draw.Src, nil)
	if n == 0 {
		place(380, small)
		lines(830, 5)
		place(1020, woodcut())
	} else {
		place(370, woodcut())
		lines(760, 6)
		place(990, small)
	}
}

// woodcut draws a landscape in hatching.
func woodcut() sheet {
	const width, height = 620, 280
	s := newSheet(width, height, paper())
	black := color.RGBA{R: 30, G: 24, B: 20, A: 255}
	s.stroke([]point{{4, 4}, {width - 4, 4}, {width - 4, height - 4}, {4, height - 4}, {4, 4}}, 5, black)
	ridge := func(x float64) float64 { return 130 + 46*math.Sin(x/74) + 22*math.Sin(x/31) }
	for x := 12.0; x < width-12; x += 7 {
		s.stroke([]point{{x, ridge(x)}, {x - 5, height - 12}}, 2.2, black)
	}
	var top []point
	for x := 10.0; x < width-8; x += 6 {
		top = append(top, point{x, ridge(x)})
	}
	s.stroke(top, 4, black)
	s.circle(point{486, 70}, 34, 3, black)
	for i := range 16 {
		angle := math.Pi * float64(i) / 8
		s.stroke([]point{polar(point{486, 70}, 40, angle), polar(point{486, 70}, 54, angle)}, 2.5, black)
	}
	return s
}
