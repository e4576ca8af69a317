package pipeline

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"granary/internal/platform/fault"
	"granary/internal/vision/engine"
)

// TestPostProcessWorkedExample is the example of the nachet specification,
// section 4.4, as the original system answered it.
func TestPostProcessWorkedExample(t *testing.T) {
	t.Parallel()
	got, err := PostProcess([]Finding{
		{Label: "A", Score: .5, Box: engine.Box{TopX: .1, TopY: .1, BottomX: .4, BottomY: .4}},
		{Label: "B", Score: .9, Box: engine.Box{TopX: .11, TopY: .11, BottomX: .41, BottomY: .41}},
		{Label: "B", Score: .9, Box: engine.Box{TopX: .12, TopY: .12, BottomX: .42, BottomY: .42}},
		{Label: "C", Score: .3, Box: engine.Box{TopX: -.1, TopY: .5, BottomX: .2, BottomY: 1.3}},
	}, Options{Width: 1000, Height: 500})
	if err != nil {
		t.Fatalf("PostProcess() = %v, want a result", err)
	}
	type row struct {
		Pixels      Rect
		Overlapping bool
		Indices     []int
		Color       string
	}
	want := []row{
		{Rect{120, 60, 420, 210}, true, []int{2, 3}, "#ED1C24"},
		{Rect{110, 55, 410, 205}, false, []int{}, "#005AFF"},
		{Rect{120, 60, 420, 210}, false, []int{}, "#005AFF"},
		{Rect{5, 250, 200, 495}, false, []int{}, "#664E88"},
	}
	var rows []row
	for _, b := range got.Boxes {
		rows = append(rows, row{b.Pixels, b.Overlapping, b.OverlappingIndices, b.Color.Hex})
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("PostProcess() boxes (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]int{"A": 1, "B": 2, "C": 1}, got.LabelOccurrence); diff != "" {
		t.Errorf("PostProcess() occurrence (-want +got):\n%s", diff)
	}
}

func TestPostProcessWithoutFindings(t *testing.T) {
	t.Parallel()
	got, err := PostProcess(nil, Options{Width: 10, Height: 10})
	want := &Result{Boxes: []Box{}, LabelOccurrence: map[string]int{}, ColorFormat: Hex}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("PostProcess(nil) = %v (-want +got):\n%s", err, diff)
	}
}

func TestPostProcessRefuses(t *testing.T) {
	t.Parallel()
	ratio := 1.5
	for name, tc := range map[string]struct {
		findings []Finding
		opts     Options
	}{
		"color format": {nil, Options{Width: 9, Height: 9, ColorFormat: "cmyk"}},
		"no width":     {nil, Options{Height: 9}},
		"NaN height":   {nil, Options{Width: 9, Height: math.NaN()}},
		"huge width":   {nil, Options{Width: math.Inf(1), Height: 9}},
		"area ratio":   {nil, Options{Width: 9, Height: 9, AreaRatio: &ratio}},
		"NaN box":      {[]Finding{{Box: engine.Box{TopX: math.NaN()}}}, Options{Width: 9, Height: 9}},
	} {
		if _, err := PostProcess(tc.findings, tc.opts); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: PostProcess() = %v, want kind invalid", name, err)
		}
	}
}

func TestColors(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		i    int
		want Color
	}{
		{0, Color{"#ED1C24", [3]int{237, 28, 36}}},
		{17, Color{"#CACACA", [3]int{202, 202, 202}}},
		{18, Color{"#981218", [3]int{152, 18, 24}}},
		{19, Color{"#003aa4", [3]int{0, 58, 164}}},
		{36, Color{"#620c10", [3]int{98, 12, 16}}},
	} {
		if got := colorAt(tc.i); got != tc.want {
			t.Errorf("colorAt(%d) = %v, want %v", tc.i, got, tc.want)
		}
	}
	if got := colorAt(0).In(RGB); got != [3]int{237, 28, 36} {
		t.Errorf("In(RGB) = %v, want [237 28 36]", got)
	}
}

func TestDropNumber(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"13 Ambrosia trifida": "Ambrosia trifida", "012  Ambrosia": "Ambrosia", "seed": "seed", "13": "13", "13 ": "13 ",
		"Ambrosia trifida": "Ambrosia trifida", "13a Ambrosia": "13a Ambrosia", "": "", " x": " x",
	} {
		if got := dropNumber(in); got != want {
			t.Errorf("dropNumber(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestPostProcessInvariants(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		fraction := rapid.Float64Range(-2, 3)
		findings := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Finding {
			return Finding{
				Label: rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "label"),
				Score: rapid.SampledFrom([]float64{0, .25, .5, 1}).Draw(t, "score"),
				Box:   engine.Box{TopX: fraction.Draw(t, "x0"), TopY: fraction.Draw(t, "y0"), BottomX: fraction.Draw(t, "x1"), BottomY: fraction.Draw(t, "y1")},
			}
		}), 0, 40).Draw(t, "findings")
		ratio := rapid.Float64Range(0, 1).Draw(t, "ratio")
		w, h := rapid.Float64Range(0.5, 5000).Draw(t, "w"), rapid.Float64Range(0.5, 5000).Draw(t, "h")
		got, err := PostProcess(findings, Options{Width: w, Height: h, AreaRatio: &ratio})
		if err != nil || len(got.Boxes) != len(findings) {
			t.Fatalf("PostProcess() = %v, want %d boxes", err, len(findings))
		}
		total, colors := 0, map[string]Color{}
		for _, n := range got.LabelOccurrence {
			total += n
		}
		if total != len(findings) {
			t.Fatalf("labelOccurrence sums to %d, want %d", total, len(findings))
		}
		gaveWay := map[int]bool{}
		for i, b := range got.Boxes {
			for _, x := range []int{b.Pixels.TopX, b.Pixels.BottomX} {
				if x < 0 || float64(x) > w || w >= 10 && (x < margin || float64(x) > w-margin) {
					t.Fatalf("box %d has x %d in a width of %g", i, x, w)
				}
			}
			for _, y := range []int{b.Pixels.TopY, b.Pixels.BottomY} {
				if y < 0 || float64(y) > h || h >= 10 && (y < margin || float64(y) > h-margin) {
					t.Fatalf("box %d has y %d in a height of %g", i, y, h)
				}
			}
			last := i + 1
			for _, j := range b.OverlappingIndices {
				if j <= last || j > len(findings) {
					t.Fatalf("box %d has index %d after %d of %d", i, j, last, len(findings))
				}
				last = j
				if findings[i].Score < findings[j-1].Score {
					gaveWay[i] = true
				} else {
					gaveWay[j-1] = true
				}
			}
			if c, seen := colors[b.Label]; seen && c != b.Color {
				t.Fatalf("label %s has two colours", b.Label)
			}
			colors[b.Label] = b.Color
			if b.Label != findings[i].Label || b.Score != findings[i].Score || b.Fractions != findings[i].Box {
				t.Fatalf("box %d is not finding %d", i, i)
			}
		}
		for i, b := range got.Boxes {
			if b.Overlapping != gaveWay[i] {
				t.Fatalf("box %d overlapping = %t, want %t", i, b.Overlapping, gaveWay[i])
			}
		}
	})
}
