package sample

import (
	"image"
	"image/color"
	"image/draw"
	"math"
	"math/rand/v2"

	"golang.org/x/image/vector"
)

// point is a place on a sheet, in pixels.
type point struct{ X, Y float64 }

// sheet is a picture that is drawn on in ink.
type sheet struct{ *image.RGBA }

func newSheet(width, height int, paper color.Color) sheet {
	s := sheet{image.NewRGBA(image.Rect(0, 0, width, height))}
	draw.Draw(s, s.Rect, image.NewUniform(paper), image.Point{}, draw.Src)
	return s
}

// fill paints a polygon.
func (s sheet) fill(points []point, ink color.Color) { s.paint([][]point{points}, ink) }

// stroke draws a line through points with round ends, width pixels wide.
func (s sheet) stroke(points []point, width float64, ink color.Color) {
	var parts [][]point
	from := points[0]
	for _, p := range points {
		parts = append(parts, ring(p, width/2, 12))
		length := math.Hypot(p.X-from.X, p.Y-from.Y)
		if length == 0 {
			continue // the first point
		}
		// Turned the same way round as the ends, so that none undoes the other.
		dx, dy := (p.X-from.X)/length*width/2, (p.Y-from.Y)/length*width/2
		parts = append(parts, []point{{from.X + dy, from.Y - dx}, {p.X + dy, p.Y - dx}, {p.X - dy, p.Y + dx}, {from.X - dy, from.Y + dx}})
		from = p
	}
	s.paint(parts, ink)
}

// paint fills polygons that all go round the same way.
func (s sheet) paint(parts [][]point, ink color.Color) {
	var around image.Rectangle
	for _, points := range parts {
		for _, p := range points {
			x, y := int(math.Floor(p.X)), int(math.Floor(p.Y))
			around = around.Union(image.Rect(x, y, x+2, y+2))
		}
	}
	around = around.Intersect(s.Rect)
	raster := vector.NewRasterizer(around.Dx(), around.Dy())
	for _, points := range parts {
		for i, p := range points {
			x, y := float32(p.X-float64(around.Min.X)), float32(p.Y-float64(around.Min.Y))
			if i == 0 {
				raster.MoveTo(x, y)
			} else {
				raster.LineTo(x, y)
			}
		}
		raster.ClosePath()
	}
	raster.Draw(s, around, image.NewUniform(ink), image.Point{})
}

// ring is a circle as a polygon.
func ring(centre point, radius float64, corners int) []point {
	return arc(centre, radius, 0, 2*math.Pi, corners)[:corners]
}

// arc is a part of a circle as a line of n pieces, angles in radians.
func arc(centre point, radius, from, to float64, n int) []point {
	out := make([]point, n+1)
	for i := range out {
		sin, cos := math.Sincos(from + (to-from)*float64(i)/float64(n))
		out[i] = point{centre.X + radius*cos, centre.Y + radius*sin}
	}
	return out
}

// circle draws the outline of a circle.
func (s sheet) circle(centre point, radius, width float64, ink color.Color) {
	s.stroke(arc(centre, radius, 0, 2*math.Pi, 96), width, ink)
}

// age adds the grain of paper and of a camera.
func (s sheet) age(r *rand.Rand, depth float64) {
	for i := 0; i < len(s.Pix); i += 4 {
		shade := depth * r.NormFloat64()
		for c := range 3 {
			s.Pix[i+c] = uint8(min(max(float64(s.Pix[i+c])+shade, 0), 255))
		}
	}
}
