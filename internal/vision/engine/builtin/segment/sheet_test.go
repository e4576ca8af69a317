package segment_test

import (
	"image"
	"image/color"
	"image/draw"
	"math"
	"testing"

	"granary/internal/vision/synth"
)

// onTable lays a picture, turned by a few degrees, on a dark table.
func onTable(p *synth.Picture, degrees float64) (*image.RGBA, []synth.Truth) {
	size := p.Image.Rect.Size()
	w, h := size.X+260, size.Y+240
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.Draw(out, out.Rect, image.NewUniform(color.RGBA{R: 96, G: 70, B: 52, A: 255}), image.Point{}, draw.Src)
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	cx, cy := float64(w)/2, float64(h)/2
	for y := range h {
		for x := range w {
			dx, dy := float64(x)+0.5-cx, float64(y)+0.5-cy
			u, v := dx*cos+dy*sin+float64(size.X)/2, dy*cos-dx*sin+float64(size.Y)/2
			if u >= 0 && v >= 0 && u < float64(size.X) && v < float64(size.Y) {
				out.SetRGBA(x, y, p.Image.RGBAAt(int(u), int(v)))
			}
		}
	}
	moved := make([]synth.Truth, 0, len(p.Truth))
	for _, t := range p.Truth {
		// Only the centre is followed; that is enough to count.
		u, v := (t.MinX+t.MaxX)/2-float64(size.X)/2, (t.MinY+t.MaxY)/2-float64(size.Y)/2
		t.MinX, t.MinY = u*cos-v*sin+cx, u*sin+v*cos+cy
		moved = append(moved, t)
	}
	return out, moved
}

// TestFindOnASheet photographs a sheet with the table around it.
func TestFindOnASheet(t *testing.T) {
	t.Parallel()
	for _, degrees := range []float64{0, 3, -5} {
		p := synth.Render(synth.Scene{Width: 700, Height: 520, Count: 16, Scale: 12, Margin: 26, Noise: 2, Shadow: 0.2, Gradient: 0.1, Seed: 9})
		img, truth := onTable(p, degrees)
		got := find(t, img)
		matched := 0
		for _, one := range truth {
			for _, o := range got {
				if one.MinX > o.MinX && one.MinX < o.MaxX && one.MinY > o.MinY && one.MinY < o.MaxY && o.MaxX-o.MinX < 200 {
					matched++
					break
				}
			}
		}
		if matched != len(truth) || len(got) != len(truth) {
			t.Errorf("Find(sheet at %g°) = %d objects, %d of them seeds, want the %d seeds", degrees, len(got), matched, len(truth))
		}
	}
}

// TestFindKeepsALargeObject does not take a seed that fills the picture for a
// sheet, spots and all.
func TestFindKeepsALargeObject(t *testing.T) {
	t.Parallel()
	for _, species := range synth.Catalogue() {
		p := synth.Render(synth.Scene{Width: 900, Height: 900, Count: 1, Species: []synth.Species{species}, Scale: 640 / species.Length, Noise: 2, Seed: 4})
		if got := find(t, p.Image); len(got) != 1 {
			t.Errorf("Find(one large %s) = %d objects, want 1", species.Name, len(got))
		}
	}
	// A plain card with nothing on it is an object.
	card := image.NewRGBA(image.Rect(0, 0, 600, 400))
	draw.Draw(card, card.Rect, image.White, image.Point{}, draw.Src)
	draw.Draw(card, image.Rect(60, 60, 540, 340), image.NewUniform(color.RGBA{R: 60, G: 90, B: 60, A: 255}), image.Point{}, draw.Src)
	if got := find(t, card); len(got) != 1 || math.Abs(got[0].MinX-60) > 1 {
		t.Errorf("Find(a plain card) = %+v, want the card", got)
	}
}
