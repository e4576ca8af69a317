package segment_test

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	_ "image/png"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"granary/internal/vision/engine/builtin/segment"
	"granary/internal/vision/synth"
)

// tally sums up how found objects agree with the truth of many pictures.
type tally struct {
	truth, found, matched, split int
	iou                          float64
	// worstSide is the largest error of one side of a box, as a share of the
	// box's extent in that direction, beyond half a pixel of rounding.
	worstSide, sumSide float64
	sides              int
	worst              string
}

func (s *tally) add(name string, p *synth.Picture, objects []segment.Object) {
	s.truth += len(p.Truth)
	s.found += len(objects)
	for _, t := range p.Truth {
		best, at := 0.0, -1
		for i, o := range objects {
			if v := iou(t, o); v > best {
				best, at = v, i
			}
		}
		if best < 0.5 {
			continue
		}
		s.matched++
		s.iou += best
		if t.Touching {
			s.split++
			continue
		}
		o := objects[at]
		for _, side := range [...][3]float64{
			{o.MinX, t.MinX, t.MaxX - t.MinX},
			{o.MaxX, t.MaxX, t.MaxX - t.MinX},
			{o.MinY, t.MinY, t.MaxY - t.MinY},
			{o.MaxY, t.MaxY, t.MaxY - t.MinY},
		} {
			off := max(0, math.Abs(side[0]-side[1])-0.5) / side[2]
			s.sumSide += off
			s.sides++
			if off > s.worstSide {
				s.worstSide = off
				s.worst = fmt.Sprintf("%s in %s at %.0f,%.0f: got %.1f want %.1f", t.Species, name, t.MinX, t.MinY, side[0], side[1])
			}
		}
	}
}

func (s *tally) String() string {
	return fmt.Sprintf("truth %d found %d matched %d mean IoU %.3f mean side error %.2f%% worst %.2f%% (%s)",
		s.truth, s.found, s.matched, s.iou/float64(max(1, s.matched)), 100*s.sumSide/float64(max(1, s.sides)), 100*s.worstSide, s.worst)
}

func iou(t synth.Truth, o segment.Object) float64 {
	w := min(t.MaxX, o.MaxX) - max(t.MinX, o.MinX)
	h := min(t.MaxY, o.MaxY) - max(t.MinY, o.MinY)
	if w <= 0 || h <= 0 {
		return 0
	}
	both := (t.MaxX-t.MinX)*(t.MaxY-t.MinY) + (o.MaxX-o.MinX)*(o.MaxY-o.MinY) - w*h
	return w * h / both
}

func find(t testing.TB, img image.Image) []segment.Object {
	t.Helper()
	objects, err := segment.Find(t.Context(), img)
	if err != nil {
		t.Fatalf("Find() error = %v", err)
	}
	return objects
}

func TestFindAgreesWithTruth(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		scene synth.Scene
		// recall and false are shares of the true objects; side is the worst
		// error of a side.
		recall, wrong, iou, side float64
	}{
		{"clean light ground", synth.Scene{Scale: 20}, 1, 0, 0.95, 0.03},
		{"clean light ground, large picture", synth.Scene{Width: 1800, Height: 1350, Scale: 33}, 1, 0, 0.95, 0.03},
		{"dark ground", synth.Scene{Ground: synth.DarkGround(), Scale: 20, Species: synth.Pick("Cirsium vulgare", "Lolium temulentum", "Solanum nigrum", "Ambrosia trifida", "Bromus hordeaceus", "Carduus nutans")}, 1, 0, 0.95, 0.03},
		{"uneven light, noise, shadows, dust", synth.Scene{Gradient: 0.25, Noise: 3, Shadow: 0.25, Debris: 20}, 0.98, 0.02, 0.93, 0.12},
		{"uneven light, noise, shadows, dust, large", synth.Scene{Width: 1800, Height: 1350, Scale: 30, Gradient: 0.25, Noise: 4, Shadow: 0.25, Debris: 30}, 0.98, 0.02, 0.93, 0.12},
		{"uneven dark ground, noise, dust", synth.Scene{Ground: synth.DarkGround(), Gradient: 0.3, Noise: 3, Debris: 12}, 0.98, 0.02, 0.92, 0.4},
		{"one seed", synth.Scene{Width: 640, Height: 560, Count: 1, Scale: 80, Noise: 2, Shadow: 0.2}, 1, 0, 0.96, 0.03},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var sum tally
			for seed := range uint64(3) {
				tc.scene.Seed = seed + 10
				p := synth.Render(tc.scene)
				sum.add(fmt.Sprint("scene ", seed), p, find(t, p.Image))
			}
			t.Log(&sum)
			if got := float64(sum.matched) / float64(sum.truth); got < tc.recall {
				t.Errorf("recall = %.3f, want %.3f", got, tc.recall)
			}
			if got := float64(sum.found-sum.matched) / float64(sum.truth); got > tc.wrong {
				t.Errorf("false objects = %.3f of the true ones, want at most %.3f", got, tc.wrong)
			}
			if got := sum.iou / float64(sum.matched); got < tc.iou {
				t.Errorf("mean IoU = %.3f, want %.3f", got, tc.iou)
			}
			if sum.worstSide > tc.side {
				t.Errorf("worst side error = %.3f, want at most %.3f: %s", sum.worstSide, tc.side, sum.worst)
			}
		})
	}
}

func TestFindSplitsTouchingPairs(t *testing.T) {
	t.Parallel()
	var sum tally
	touching := 0
	for seed := range uint64(8) {
		p := synth.Render(synth.Scene{Count: 24, Touching: 10, Shadow: 0.15, Noise: 2, Scale: 18, Seed: seed})
		sum.add(fmt.Sprint("scene ", seed), p, find(t, p.Image))
		for _, one := range p.Truth {
			if one.Touching {
				touching++
			}
		}
	}
	t.Log(&sum, "touching", touching, "split", sum.split)
	if touching < 60 {
		t.Fatalf("scenes hold %d touching seeds, want at least 60", touching)
	}
	if got := float64(sum.split) / float64(touching); got < 0.97 {
		t.Errorf("recall of touching seeds = %.3f, want 0.97", got)
	}
	if got := float64(sum.found-sum.matched) / float64(sum.truth); got > 0.02 {
		t.Errorf("false objects = %.3f of the true ones, want at most 0.02", got)
	}
}

func TestFindIgnoresEmptyGround(t *testing.T) {
	t.Parallel()
	uniform := func(w, h int, c color.Color) image.Image {
		m := image.NewNRGBA(image.Rect(0, 0, w, h))
		draw.Draw(m, m.Bounds(), image.NewUniform(c), image.Point{}, draw.Src)
		return m
	}
	for name, img := range map[string]image.Image{
		"no pixels":         image.NewRGBA(image.Rectangle{}),
		"one pixel":         uniform(1, 1, color.White),
		"two pixels":        uniform(2, 1, color.Black),
		"a line":            uniform(5000, 1, color.White),
		"a column":          uniform(3, 5000, color.White),
		"3 x 3":             uniform(3, 3, color.Black),
		"white":             uniform(400, 300, color.White),
		"black":             uniform(400, 300, color.Black),
		"red":               uniform(400, 300, color.NRGBA{R: 200, A: 255}),
		"fully transparent": uniform(400, 300, color.NRGBA{R: 200}),
		"uneven and noisy":  synth.Render(synth.Scene{Count: -1, Gradient: 0.4, Noise: 5, Seed: 3}).Image,
		"dark and noisy":    synth.Render(synth.Scene{Count: -1, Gradient: 0.4, Noise: 5, Seed: 3, Ground: synth.DarkGround()}).Image,
		"dust":              synth.Render(synth.Scene{Count: -1, Debris: 30, Seed: 3}).Image,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := find(t, img); len(got) != 0 {
				t.Errorf("Find() = %d objects %+v, want none", len(got), got[0])
			}
		})
	}
}

func TestFindIsDeterministic(t *testing.T) {
	t.Parallel()
	p := synth.Render(synth.Scene{Count: 20, Touching: 4, Noise: 3, Shadow: 0.2, Seed: 5})
	if diff := cmp.Diff(find(t, p.Image), find(t, p.Image)); diff != "" {
		t.Errorf("second Find() differs (-first +second):\n%s", diff)
	}
}

func TestFindReadsEveryImageType(t *testing.T) {
	t.Parallel()
	p := synth.Render(synth.Scene{Width: 500, Height: 400, Count: 4, Scale: 14, Seed: 8})
	want := find(t, p.Image)
	if len(want) != len(p.Truth) {
		t.Fatalf("Find() = %d objects, want %d", len(want), len(p.Truth))
	}
	r := p.Image.Bounds()
	cutOut := image.NewNRGBA(r)
	for y := range r.Dy() {
		for x := range r.Dx() {
			c := p.Image.RGBAAt(x, y)
			n := color.NRGBA{R: c.R, G: c.G, B: c.B, A: 255}
			if c.R > 230 && c.G > 230 && c.B > 230 {
				n = color.NRGBA{} // transparent ground shows white
			}
			cutOut.SetNRGBA(x, y, n)
		}
	}
	palette := color.Palette{}
	for i := range 216 {
		palette = append(palette, color.RGBA{R: uint8(i / 36 * 51), G: uint8(i / 6 % 6 * 51), B: uint8(i % 6 * 51), A: 255})
	}
	for name, m := range map[string]draw.Image{
		"NRGBA": image.NewNRGBA(r), "RGBA64": image.NewRGBA64(r), "NRGBA64": image.NewNRGBA64(r),
		"Gray": image.NewGray(r), "Gray16": image.NewGray16(r), "CMYK": image.NewCMYK(r),
		"Paletted": image.NewPaletted(r, palette), "transparent": cutOut,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name != "transparent" {
				draw.Draw(m, r, p.Image, image.Point{}, draw.Src)
			}
			var sum tally
			sum.add(name, p, find(t, m))
			if sum.matched != sum.truth || sum.found != sum.truth || sum.iou/float64(sum.matched) < 0.88 {
				t.Errorf("Find() disagrees: %v", &sum)
			}
		})
	}
	sub := image.NewRGBA(image.Rect(-40, -30, 560, 470))
	draw.Draw(sub, sub.Bounds(), image.NewUniform(color.Black), image.Point{}, draw.Src)
	draw.Draw(sub, r, p.Image, image.Point{}, draw.Src)
	if diff := cmp.Diff(want, find(t, sub.SubImage(r))); diff != "" {
		t.Errorf("Find() of a part of a larger image differs (-want +got):\n%s", diff)
	}
}

func TestFindStopsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := segment.Find(ctx, image.NewGray(image.Rect(0, 0, 2000, 2000)))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Find(cancelled) error = %v, want %v", err, context.Canceled)
	}
}

// TestScoreIsCalibrated holds the score to its word on hard scenes: among
// objects of about one score, about that share is real.
func TestScoreIsCalibrated(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(11, 12))
	var score, right, count [2]float64 // below and above 0.9
	for i := range uint64(36) {
		grey := uint8(20 + rng.IntN(230))
		p := synth.Render(synth.Scene{
			Width: 400, Height: 320, Count: 10, Scale: 5 + 10*rng.Float64(), Ground: color.RGBA{R: grey, G: grey, B: grey, A: 255},
			Gradient: 0.5 * rng.Float64(), Noise: 8 * rng.Float64(), Shadow: 0.5 * rng.Float64(), Debris: rng.IntN(40), Seed: 1000 + i,
		})
		if i%2 == 0 {
			ripple(p.Image, 0.2*rng.Float64())
		}
		for _, o := range find(t, p.Image) {
			best := 0.0
			for _, one := range p.Truth {
				best = max(best, iou(one, o))
			}
			k := 0
			if o.Score > 0.9 {
				k = 1
			}
			score[k] += o.Score
			count[k]++
			if best > 0.75 {
				right[k]++
			}
		}
	}
	for k, limit := range [2]float64{0.15, 0.05} {
		t.Logf("%g objects with mean score %.3f, share of true ones %.3f", count[k], score[k]/count[k], right[k]/count[k])
		if count[k] < 20 {
			t.Errorf("only %g objects to judge the score by", count[k])
		}
		if gap := math.Abs(score[k]-right[k]) / count[k]; gap > limit {
			t.Errorf("mean score %.3f and share of true objects %.3f differ by %.3f, want at most %.2f", score[k]/count[k], right[k]/count[k], gap, limit)
		}
	}
}

// ripple gives the ground a pattern, as cloth and paper have.
func ripple(m *image.RGBA, strength float64) {
	b := m.Bounds()
	for y := range b.Dy() {
		for x := range b.Dx() {
			light := 1 + strength*math.Sin(float64(x)/9+3*math.Sin(float64(y)/70))*math.Sin(float64(y)/13)
			i := m.PixOffset(x, y)
			for c := range 3 {
				m.Pix[i+c] = uint8(min(float64(m.Pix[i+c])*light, 255))
			}
		}
	}
}

func TestFindOnAPhotograph(t *testing.T) {
	t.Parallel()
	f, err := os.Open(filepath.Join("..", "..", "..", "..", "..", "..", "shared", "data", "vision", "seed-1310.png"))
	if err != nil {
		t.Skip("the photograph of a seed is not at hand")
	}
	defer f.Close()
	img, _, err := image.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	got := find(t, img)
	if len(got) != 1 {
		t.Fatalf("Find(seed photograph) = %d objects, want 1", len(got))
	}
	// Read off the photograph by eye, to two pixels.
	want := segment.Object{MinX: 143, MinY: 55, MaxX: 453, MaxY: 465}
	for _, d := range []float64{got[0].MinX - want.MinX, got[0].MinY - want.MinY, got[0].MaxX - want.MaxX, got[0].MaxY - want.MaxY} {
		if math.Abs(d) > 4 {
			t.Errorf("Find(seed photograph) = %+v, want about %+v", got[0], want)
		}
	}
	if got[0].Score < 0.9 {
		t.Errorf("score = %.2f, want at least 0.9", got[0].Score)
	}
}

// TestFindOnCoins counts on a photograph whose ground shares its grey levels
// with the objects: 24 coins in four rows of six.
func TestFindOnCoins(t *testing.T) {
	t.Parallel()
	f, err := os.Open(filepath.Join("testdata", "coins.png"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, _, err := image.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	got := find(t, img)
	if len(got) != 24 {
		t.Fatalf("Find(coins) = %d objects, want 24", len(got))
	}
	var rows [4]int
	for _, o := range got {
		rows[min(int((o.MinY+o.MaxY)/2)/76, 3)]++
		w, h := o.MaxX-o.MinX, o.MaxY-o.MinY
		if w < 34 || w > 68 || h < 33 || h > 66 || w/h > 1.3 || h/w > 1.3 {
			t.Errorf("coin %+v is no round box of 34 to 68 pixels", o)
		}
		if o.Score < 0.8 {
			t.Errorf("coin %+v scores %.2f, want at least 0.8", o, o.Score)
		}
	}
	if diff := cmp.Diff([4]int{6, 6, 6, 6}, rows); diff != "" {
		t.Errorf("coins in each row (-want +got):\n%s", diff)
	}
}

// TestFindSplitsAPack parts seven discs that enclose six gaps, and keeps a
// sickle whole.
func TestFindSplitsAPack(t *testing.T) {
	t.Parallel()
	img := image.NewRGBA(image.Rect(0, 0, 700, 300))
	draw.Draw(img, img.Rect, image.NewUniform(color.RGBA{R: 235, G: 235, B: 230, A: 255}), image.Point{}, draw.Src)
	disc := func(cx, cy, radius float64) {
		for y := int(cy - radius); y <= int(cy+radius); y++ {
			for x := int(cx - radius); x <= int(cx+radius); x++ {
				if math.Hypot(float64(x)-cx, float64(y)-cy) < radius {
					img.SetRGBA(x, y, color.RGBA{R: 120, G: 84, B: 40, A: 255})
				}
			}
		}
	}
	disc(150, 150, 35)
	for i := range 6 {
		sin, cos := math.Sincos(float64(i) * math.Pi / 3)
		disc(150+69*cos, 150+69*sin, 35)
	}
	for i := range 60 {
		sin, cos := math.Sincos(0.9 * math.Pi * float64(i) / 59)
		disc(480+80*cos, 100+80*sin, 24)
	}
	got := find(t, img)
	if len(got) != 8 {
		t.Fatalf("Find(seven discs and a sickle) = %d objects, want 8", len(got))
	}
	for _, o := range got {
		w, h := o.MaxX-o.MinX, o.MaxY-o.MinY
		if o.MinX > 300 {
			if w < 200 || h < 100 {
				t.Errorf("sickle is %+v, want one object of about 208 × 128 pixels", o)
			}
			continue
		}
		if math.Abs(w-70) > 4 || math.Abs(h-70) > 4 {
			t.Errorf("disc is %v × %v pixels, want 70 × 70", w, h)
		}
	}
}
