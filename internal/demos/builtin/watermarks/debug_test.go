package watermarks

import (
	"fmt"
	"image/jpeg"
	"image/png"
	"os"
	"testing"

	"granary/internal/demos/plane"
)

func TestDebug(t *testing.T) {
	for _, n := range []string{"5", "7", "14", "16", "3"} {
		for _, k := range []string{"q", "s"} {
			f, err := os.Open("/tmp/S/dbg/" + k + n)
			if err != nil {
				t.Skip()
			}
			var g plane.Gray
			if k == "q" {
				img, _ := jpeg.Decode(f)
				g = plane.From(img)
				b := Detect(g)[0]
				fmt.Println(n, b)
				g = g.Cropped(grown(b.rect(g.W, g.H), 0.15))
			} else {
				img, _ := png.Decode(f)
				g = plane.From(img)
			}
			if box := Detect(g)[0]; box.Score >= 0.5 {
				fmt.Println(k, n, box)
				g = g.Cropped(grown(box.rect(g.W, g.H), 0.03))
			}
			o, _ := os.Create("/tmp/S/dbg/out_" + n + k + ".png")
			_ = png.Encode(o, findStrokes(g.Within(featureSide)).picture().Scaled(256, 256).Image())
			o.Close()
		}
	}
}
