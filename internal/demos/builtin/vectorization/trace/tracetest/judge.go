package tracetest

import (
	"bytes"
	"image/png"
	"os"

	"granary/internal/demos/plane"
)

// IoU returns the intersection over the union of the ink of two pictures of
// one size: the pixels that are more black than white.
func IoU(a, b plane.Gray) float64 {
	both, either := 0, 0
	for i := range a.Pix {
		x, y := a.Pix[i] < 128, b.Pix[i] < 128
		if x && y {
			both++
		}
		if x || y {
			either++
		}
	}
	if either == 0 {
		return 1
	}
	return float64(both) / float64(either)
}

// PixelPath returns the size in bytes of a path that traces every boundary
// pixel of the ink in the shortest notation: one relative step ("h1", "v-1")
// for each pixel edge between ink and paper.
func PixelPath(g plane.Gray) int {
	ink := func(x, y int) bool {
		return x >= 0 && y >= 0 && x < g.W && y < g.H && g.Pix[y*g.W+x] < 128
	}
	edges := 0
	for y := range g.H + 1 {
		for x := range g.W + 1 {
			if ink(x, y) != ink(x-1, y) {
				edges++
			}
			if ink(x, y) != ink(x, y-1) {
				edges++
			}
		}
	}
	// Half of the steps lead backwards and carry a sign.
	return edges*2 + edges/2
}

// Keep writes a picture and what became of it under name, as NAME.png,
// NAME.svg and NAME-out.png, for a person to compare.
func Keep(name string, g plane.Gray, svg []byte) error {
	drawing, err := Parse(svg)
	if err != nil {
		return err
	}
	if err := os.WriteFile(name+".svg", svg, 0o600); err != nil {
		return err
	}
	for file, picture := range map[string]plane.Gray{name + ".png": g, name + "-out.png": drawing.Render()} {
		if len(picture.Pix) == 0 {
			continue
		}
		var out bytes.Buffer
		if err := png.Encode(&out, picture.Image()); err != nil {
			return err
		}
		if err := os.WriteFile(file, out.Bytes(), 0o600); err != nil {
			return err
		}
	}
	return nil
}
