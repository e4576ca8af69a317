package synth_test

import (
	"bytes"
	"image/color"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"granary/internal/vision/synth"
)

func TestRenderIsDeterministic(t *testing.T) {
	t.Parallel()
	scene := synth.Scene{Width: 400, Height: 300, Count: 8, Touching: 2, Debris: 6, Noise: 3, Shadow: 0.2, Gradient: 0.2, Scale: 8, Seed: 7}
	a, b := synth.Render(scene), synth.Render(scene)
	if diff := cmp.Diff(a.Truth, b.Truth); diff != "" {
		t.Errorf("Render() truth differs between two runs:\n%s", diff)
	}
	if !bytes.Equal(a.Image.Pix, b.Image.Pix) {
		t.Error("Render() pixels differ between two runs")
	}
	scene.Seed++
	if c := synth.Render(scene); bytes.Equal(a.Image.Pix, c.Image.Pix) {
		t.Error("Render() with another seed gives the same pixels")
	}
}

// TestTruthIsTight compares the boxes with the pixels that differ from a plain
// ground.
func TestTruthIsTight(t *testing.T) {
	t.Parallel()
	for i, species := range synth.Catalogue() {
		scene := synth.Scene{Width: 300, Height: 300, Count: 1, Species: []synth.Species{species}, Scale: 18, Seed: uint64(i), Blur: 0.6}
		p := synth.Render(scene)
		if len(p.Truth) != 1 || p.Truth[0].Species != species.Name {
			t.Fatalf("Render(%s) truth = %+v, want one of that species", species.Name, p.Truth)
		}
		minX, minY, maxX, maxY := 300.0, 300.0, 0.0, 0.0
		for y := range 300 {
			for x := range 300 {
				if p.Image.RGBAAt(x, y) != synth.LightGround() {
					minX, maxX = min(minX, float64(x)), max(maxX, float64(x+1))
					minY, maxY = min(minY, float64(y)), max(maxY, float64(y+1))
				}
			}
		}
		one := p.Truth[0]
		for _, d := range []float64{one.MinX - minX, one.MinY - minY, one.MaxX - maxX, one.MaxY - maxY} {
			if math.Abs(d) > 1.7 {
				t.Errorf("Render(%s) box %+v is off the pixels %v,%v,%v,%v by %.1f", species.Name, one, minX, minY, maxX, maxY, d)
			}
		}
	}
}

func TestSeedsKeepApartUnlessTouching(t *testing.T) {
	t.Parallel()
	p := synth.Render(synth.Scene{Count: 30, Touching: 8, Seed: 4})
	touching := 0
	for i, a := range p.Truth {
		if a.Touching {
			touching++
			continue
		}
		for _, b := range p.Truth[i+1:] {
			if !b.Touching && a.Rect().Overlaps(b.Rect()) && a.Species == "Brassica napus" && b.Species == "Brassica napus" {
				t.Errorf("round seeds %+v and %+v overlap", a, b)
			}
		}
	}
	if touching < 8 || touching%2 != 0 {
		t.Errorf("Render() has %d touching seeds, want an even number of at least 8", touching)
	}
}

func TestSceneSettingsShow(t *testing.T) {
	t.Parallel()
	corner := func(s synth.Scene) color.RGBA { return synth.Render(s).Image.RGBAAt(2, 2) }
	plain := synth.Scene{Width: 200, Height: 150, Count: -1}
	if got := corner(plain); got != synth.LightGround() {
		t.Errorf("empty scene's corner = %v, want the light ground %v", got, synth.LightGround())
	}
	dark := plain
	dark.Ground = synth.DarkGround()
	if got := corner(dark); got != synth.DarkGround() {
		t.Errorf("dark scene's corner = %v, want %v", got, synth.DarkGround())
	}
	uneven := plain
	uneven.Gradient = 0.4
	if got := corner(uneven); got == synth.LightGround() {
		t.Errorf("uneven scene's corner = %v, want it to differ from %v", got, synth.LightGround())
	}
	if got := len(synth.Render(plain).Truth); got != 0 {
		t.Errorf("empty scene has %d seeds, want none", got)
	}
}

func TestPickKeepsOrderAndLeavesOutStrangers(t *testing.T) {
	t.Parallel()
	var got []string
	for _, s := range synth.Pick("Solanum nigrum", "Nobody knows", "Brassica napus") {
		got = append(got, s.Name)
	}
	if diff := cmp.Diff([]string{"Solanum nigrum", "Brassica napus"}, got); diff != "" {
		t.Errorf("Pick() (-want +got):\n%s", diff)
	}
}
