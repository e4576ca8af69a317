package sample

import (
	"fmt"
	"image/color"
	"math"
	"math/rand/v2"
)

const (
	shapeKinds = 4
	shapesEach = 12
	shapeSide  = 48
)

// Shapes returns small signs of four kinds, each turned, moved and sized a
// little differently.
func Shapes() ([]Picture, error) {
	var out []Picture
	r := rand.New(rand.NewPCG(41, 1))
	for n := range shapeKinds * shapesEach {
		kind := n % shapeKinds
		picture, err := encode(fmt.Sprintf("sign-%02d.png", n+1), sign(kind, r))
		if err != nil {
			return nil, err
		}
		out = append(out, picture)
	}
	return out, nil
}

// sign draws one sign: a ring with a dot, a cross, a crescent or a fork.
func sign(kind int, r *rand.Rand) sheet {
	s := newSheet(shapeSide, shapeSide, color.RGBA{R: 240, G: 236, B: 226, A: 255})
	turn, size := 0.36*r.Float64()-0.18, 0.85+0.3*r.Float64()
	cx, cy := shapeSide/2+4*r.Float64()-2, shapeSide/2+4*r.Float64()-2
	at := func(x, y float64) point {
		sin, cos := math.Sincos(turn)
		return point{cx + size*(x*cos-y*sin), cy + size*(x*sin+y*cos)}
	}
	black := color.RGBA{R: 36, G: 30, B: 28, A: 255}
	line := func(points ...point) {
		for i, p := range points {
			points[i] = at(p.X, p.Y)
		}
		s.stroke(points, 4*size, black)
	}
	switch kind {
	case 0:
		s.circle(at(0, 0), 14*size, 4*size, black)
		s.fill(ring(at(0, 0), 4*size, 24), black)
	case 1:
		line(point{-14, 0}, point{14, 0})
		line(point{0, -15}, point{0, 15})
	case 2:
		line(arc(point{4, 0}, 14, 0.9, 2*math.Pi-0.9, 24)...)
		line(arc(point{8, 0}, 10, 1.2, 2*math.Pi-1.2, 24)...)
	default:
		line(point{0, 15}, point{0, -2}, point{-11, -14})
		line(point{0, -2}, point{11, -14})
	}
	s.age(r, 5)
	return s
}
