package trace_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"granary/internal/demos/builtin/vectorization/trace"
	"granary/internal/demos/builtin/vectorization/trace/tracetest"
	"granary/internal/demos/plane"
)

// redraw traces a picture and reads the SVG back, which proves it well formed
// and of the permitted subset. TRACE_PICTURES names a folder that both are
// written to, to be looked at.
func redraw(t testing.TB, name string, g plane.Gray) (*tracetest.Drawing, []byte) {
	t.Helper()
	traced, err := trace.Trace(t.Context(), g)
	if err != nil {
		t.Fatal(err)
	}
	svg := traced.SVG()
	drawing, err := tracetest.Parse(svg)
	if err != nil {
		t.Fatalf("%s: %v in\n%.2000s", name, err, svg)
	}
	if drawing.W != g.W || drawing.H != g.H {
		t.Fatalf("%s: the drawing is %d×%d, want %d×%d", name, drawing.W, drawing.H, g.W, g.H)
	}
	if dir := os.Getenv("TRACE_PICTURES"); dir != "" {
		if err := tracetest.Keep(filepath.Join(dir, name), g, svg); err != nil {
			t.Fatal(err)
		}
	}
	return drawing, svg
}

func spoil(t testing.TB, g plane.Gray, d tracetest.Damage) plane.Gray {
	t.Helper()
	out, err := tracetest.Spoil(g, d)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestDiagramsAreRedrawn(t *testing.T) {
	t.Parallel()
	damages := map[string]tracetest.Damage{
		"clean": {},
		"scan":  {Noise: 6, Light: 0.3, Ink: 50, Blur: 1},
		"jpeg":  {Noise: 3, Blur: 1, JPEG: 40},
		"noisy": {Noise: 20, Light: 0.4, Ink: 40},
	}
	sizes := []struct {
		seed  uint64
		w, h  int
		width float64
	}{
		{1, 600, 600, 2.5},
		{2, 900, 700, 2.5},
		{3, 1200, 1200, 3},
		{4, 2000, 1600, 4},
		{5, 1000, 1400, 6},
		{6, 1600, 1200, 8},
		{7, 800, 800, 3},
		{8, 1500, 1000, 3.5},
	}
	for name, damage := range damages {
		for _, size := range sizes {
			t.Run(fmt.Sprintf("%s %d", name, size.seed), func(t *testing.T) {
				t.Parallel()
				diagram := tracetest.Random(size.seed, size.w, size.h, size.width)
				truth := diagram.Render()
				damage.Seed = size.seed
				drawing, svg := redraw(t, fmt.Sprintf("%d-%s", size.seed, name), spoil(t, truth, damage))

				iou, ratio := tracetest.IoU(truth, drawing.Render()), float64(len(svg))/float64(tracetest.PixelPath(truth))
				recovered := diagram.Recovered(drawing)
				t.Logf("%d×%d, strokes of %g px: IoU %.3f, %d bytes (%.3f of the pixel path), %v", size.w, size.h, size.width, iou, len(svg), ratio, recovered)
				if iou < 0.9 {
					t.Errorf("IoU with the ink = %.3f, want at least 0.9", iou)
				}
				if ratio > 0.1 {
					t.Errorf("the drawing has %.3f of the size of the pixel path, want at most 0.1", ratio)
				}
				found, all := 0, 0
				for _, n := range recovered {
					found, all = found+n[0], all+n[1]
				}
				if float64(found) < 0.9*float64(all) {
					t.Errorf("%d of %d elements are recovered as what they are, want 9 of 10: %v", found, all, recovered)
				}
			})
		}
	}
}

func TestOneElementIsOnePrimitive(t *testing.T) {
	t.Parallel()
	centre := tracetest.Point{X: 150, Y: 140}
	tests := map[string]struct {
		element tracetest.Element
		name    string
		command byte
		pieces  int
	}{
		"circle":       {tracetest.Element{Kind: tracetest.Circle, Center: centre, Radius: 90, Width: 4}, "circle", 'A', 1},
		"small circle": {tracetest.Element{Kind: tracetest.Circle, Center: centre, Radius: 9, Width: 3}, "circle", 'A', 1},
		"disc":         {tracetest.Element{Kind: tracetest.Disc, Center: centre, Radius: 40}, "circle", 'A', 1},
		"line":         {tracetest.Element{Kind: tracetest.Line, Points: []tracetest.Point{{X: 20, Y: 30}, {X: 270, Y: 200}}, Width: 5}, "line", 'L', 1},
		"thick line":   {tracetest.Element{Kind: tracetest.Line, Points: []tracetest.Point{{X: 30, Y: 240}, {X: 250, Y: 60}}, Width: 24}, "line", 'L', 1},
		"arc":          {tracetest.Element{Kind: tracetest.Arc, Center: centre, Radius: 100, From: 0.4, Sweep: 1.6, Width: 3}, "path", 'A', 1},
		"half circle":  {tracetest.Element{Kind: tracetest.Arc, Center: centre, Radius: 100, From: 0.4, Sweep: math.Pi, Width: 3}, "path", 'A', 2},
		"triangle":     {tracetest.Element{Kind: tracetest.Polygon, Points: []tracetest.Point{{X: 40, Y: 50}, {X: 250, Y: 80}, {X: 120, Y: 250}}, Width: 3}, "path", 'L', 3},
		"solid":        {tracetest.Element{Kind: tracetest.Solid, Points: []tracetest.Point{{X: 40, Y: 50}, {X: 250, Y: 80}, {X: 260, Y: 220}, {X: 120, Y: 250}}}, "path", 'L', 4},
	}
	for name, test := range tests {
		for _, round := range []bool{false, true} {
			diagram := tracetest.Diagram{W: 300, H: 280, Round: round, Elements: []tracetest.Element{test.element}}
			drawing, svg := redraw(t, name, diagram.Render())
			if len(drawing.Items) != 1 || drawing.Items[0].Name != test.name || len(drawing.Items[0].Paths) != 1 {
				t.Errorf("%s becomes\n%s want one <%s>", name, svg, test.name)
				continue
			}
			pieces := drawing.Items[0].Paths[0].Pieces
			if len(pieces) != test.pieces || pieces[0].Command != test.command {
				t.Errorf("%s becomes\n%s want %d times %c", name, svg, test.pieces, test.command)
			}
			if iou := tracetest.IoU(diagram.Render(), drawing.Render()); iou < 0.94 {
				t.Errorf("%s is redrawn with an IoU of %.3f, want 0.94", name, iou)
			}
			if got := drawing.Items[0].Width; math.Abs(got-test.element.Width) > 0.15 {
				t.Errorf("%s is %g px wide, want %g", name, got, test.element.Width)
			}
		}
	}
}

func TestPagesWithoutADrawing(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	noise, salt := plane.New(900, 900), plane.New(900, 900)
	for i := range noise.Pix {
		noise.Pix[i] = uint8(rng.IntN(256))
		salt.Pix[i] = 255 * uint8(min(rng.IntN(4), 1))
	}
	white := plane.New(300, 200)
	for i := range white.Pix {
		white.Pix[i] = 255
	}
	for name, test := range map[string]struct {
		picture plane.Gray
		most    int
	}{
		"white":      {white, 0},
		"black":      {plane.New(300, 200), 0},
		"noise":      {noise, 0},
		"salt":       {salt, trace.MaxSegments + 1000},
		"one pixel":  {plane.New(1, 1), 0},
		"one row":    {plane.New(500, 1), 0},
		"three rows": {plane.New(500, 3), 0},
		"empty":      {plane.Gray{}, 0},
	} {
		drawing, svg := redraw(t, name, test.picture)
		pieces := 0
		for _, item := range drawing.Items {
			for _, path := range item.Paths {
				pieces += len(path.Pieces)
			}
		}
		t.Logf("%s: %d pieces, %d bytes", name, pieces, len(svg))
		if pieces > test.most {
			t.Errorf("%s becomes %d pieces, want at most %d", name, pieces, test.most)
		}
	}
}

func TestFaintLinesBesideInk(t *testing.T) {
	t.Parallel()
	d := tracetest.Diagram{W: 400, H: 300, Elements: []tracetest.Element{
		{Kind: tracetest.Circle, Center: tracetest.Point{X: 120, Y: 150}, Radius: 80, Width: 4},
	}}
	pencil := tracetest.Diagram{W: 400, H: 300, Elements: []tracetest.Element{
		{Kind: tracetest.Line, Points: []tracetest.Point{{X: 260, Y: 20}, {X: 380, Y: 280}}, Width: 3},
	}}
	g, faint := d.Render(), pencil.Render()
	for i, v := range faint.Pix {
		g.Pix[i] = min(g.Pix[i], 255-(255-v)/3)
	}
	drawing, svg := redraw(t, "faint", g)
	if n := pencil.Recovered(drawing)[tracetest.Line]; n[0] != 1 {
		t.Errorf("a line of a third of the ink's darkness is lost in\n%s", svg)
	}
}

func TestLargePicturesAreReduced(t *testing.T) {
	t.Parallel()
	d := tracetest.Diagram{W: 3600, H: 2400, Elements: []tracetest.Element{
		{Kind: tracetest.Circle, Center: tracetest.Point{X: 1800, Y: 1200}, Radius: 1000, Width: 12},
	}}
	drawing, svg := redraw(t, "large", d.Render())
	if n := d.Recovered(drawing)[tracetest.Circle]; n[0] != 1 {
		t.Errorf("the circle is not found at its place in\n%s", svg)
	}
}

func TestTraceStops(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := trace.Trace(ctx, plane.New(50, 50)); !errors.Is(err, context.Canceled) {
		t.Errorf("Trace of a cancelled context = %v, want context.Canceled", err)
	}
}

// FuzzTrace feeds pictures of any size and content: whatever they show, the
// drawing is a document of the permitted subset.
func FuzzTrace(f *testing.F) {
	small := tracetest.Random(1, 90, 90, 2).Render()
	f.Add(uint16(90), small.Pix)
	f.Add(uint16(3), []byte("abcabcabc"))
	f.Add(uint16(8), []byte("\xff\xff\xff\x00\x00\xff\xff\xff\xff\xff\x00\xff\xff\x00\xff\xff\xff\xff\x00\x00\x00\x00\xff\xff"))
	f.Fuzz(func(t *testing.T, width uint16, pixels []byte) {
		w := int(width)
		if w == 0 || len(pixels) > 1<<16 {
			return
		}
		h := len(pixels) / w
		g := plane.Gray{W: w, H: h, Pix: pixels[:w*h]}
		before := string(g.Pix)
		traced, err := trace.Trace(t.Context(), g)
		if err != nil {
			t.Fatal(err)
		}
		if string(g.Pix) != before {
			t.Error("Trace changes its picture")
		}
		if _, err := tracetest.Parse(traced.SVG()); err != nil {
			t.Errorf("%v in\n%s", err, traced.SVG())
		}
	})
}

func BenchmarkTrace(b *testing.B) {
	diagram := tracetest.Random(8, 1700, 1200, 4).Render() // 2 MP
	rng := rand.New(rand.NewPCG(1, 2))
	salt, noise := plane.New(1700, 1200), plane.New(1700, 1200)
	for i := range salt.Pix {
		salt.Pix[i] = 255 * uint8(min(rng.IntN(4), 1))
		noise.Pix[i] = uint8(rng.IntN(256))
	}
	for name, g := range map[string]plane.Gray{
		"clean": diagram, "noisy": spoil(b, diagram, tracetest.Damage{Noise: 12, Light: 0.3, Ink: 40, JPEG: 60, Seed: 1}),
		"salt": salt, "noise": noise, "black": plane.New(1700, 1200),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(g.Pix)))
			for b.Loop() {
				if _, err := trace.Trace(b.Context(), g); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
