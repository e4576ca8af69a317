package sample

import (
	"image/color"
	"math"
	"math/rand/v2"
)

// ink is the iron-gall ink of the drawings, paper what they are on.
func ink() color.Color   { return color.RGBA{R: 44, G: 34, B: 26, A: 255} }
func paper() color.Color { return color.RGBA{R: 238, G: 230, B: 210, A: 255} }

// Drawings returns two diagrams in ink, as astronomers drew them.
func Drawings() ([]Picture, error) {
	eclipse, err := encode("eclipse.png", eclipse())
	if err != nil {
		return nil, err
	}
	epicycle, err := encode("epicycle.png", epicycle())
	return []Picture{eclipse, epicycle}, err
}

// eclipse draws two bodies and the shadow between their tangents.
func eclipse() sheet {
	s := newSheet(900, 520, paper())
	sun, earth, moon := point{190, 260}, point{560, 260}, point{716, 260}
	s.circle(sun, 130, 3, ink())
	s.circle(earth, 62, 3, ink())
	s.circle(moon, 24, 2.5, ink())
	s.circle(earth, 156, 2, ink())
	s.stroke([]point{{190, 130}, {860, 246}}, 2.5, ink())
	s.stroke([]point{{190, 390}, {860, 274}}, 2.5, ink())
	s.stroke([]point{{190, 130}, {860, 436}}, 2, ink())
	s.stroke([]point{{190, 390}, {860, 84}}, 2, ink())
	s.stroke([]point{{40, 260}, {860, 260}}, 2, ink())
	s.age(rand.New(rand.NewPCG(1, 21)), 5)
	return s
}

// epicycle draws a planet's circle upon a circle, with its spokes.
func epicycle() sheet {
	s := newSheet(760, 760, paper())
	centre := point{380, 380}
	for _, radius := range []float64{310, 290, 196, 70} {
		s.circle(centre, radius, 2.5, ink())
	}
	for i := range 12 {
		angle := math.Pi * float64(i) / 6
		s.stroke([]point{polar(centre, 290, angle), polar(centre, 310, angle)}, 2, ink())
		if i%3 == 0 {
			s.stroke([]point{polar(centre, 70, angle), polar(centre, 290, angle)}, 2, ink())
		}
	}
	for i := range 3 {
		small := polar(centre, 196, 0.5+2.1*float64(i))
		s.circle(small, 58, 2.5, ink())
		s.stroke([]point{small, polar(small, 58, 1.3*float64(i))}, 2, ink())
	}
	s.stroke(arc(centre, 245, 0.4, 2.3, 40), 3, ink())
	s.age(rand.New(rand.NewPCG(2, 21)), 5)
	return s
}
