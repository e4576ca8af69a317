package bench

import (
	"bytes"
	"image/png"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"granary/internal/vision/synth"
)

func TestQuantile(t *testing.T) {
	t.Parallel()
	values := []float64{5, 1, 4, 2, 3}
	for q, want := range map[float64]float64{0.01: 1, 0.5: 3, 0.99: 5, 1: 5} {
		if got := quantile(values, q); got != want {
			t.Errorf("quantile(%v, %v) = %v, want %v", values, q, got, want)
		}
	}
	if diff := cmp.Diff([]float64{5, 1, 4, 2, 3}, values); diff != "" {
		t.Errorf("quantile changed its input: -want +got\n%s", diff)
	}
}

func TestFigureMet(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		figure Figure
		want   bool
	}{
		{Figure{Median: 7}, true},
		{Figure{Median: 7, Target: 7}, true},
		{Figure{Median: 8, Target: 7}, false},
		{Figure{Median: 8, Target: 7, AtLeast: true}, true},
		{Figure{Median: 6, Target: 7, AtLeast: true}, false},
	} {
		if got := c.figure.Met(); got != c.want {
			t.Errorf("%+v.Met() = %t, want %t", c.figure, got, c.want)
		}
	}
}

func TestUnionCountsCallsAtTheSameTimeOnce(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	at := func(from, to time.Duration) span { return span{start.Add(from), start.Add(to)} }
	spans := []span{at(20, 30), at(0, 10), at(5, 12), at(6, 7), at(30, 31)}
	if got, want := union(spans), time.Duration(23); got != want {
		t.Errorf("union = %d, want %d", got, want)
	}
}

func TestVariantsAreTheSamePictureInOtherFiles(t *testing.T) {
	t.Parallel()
	file, err := encodePNG(synth.Render(synth.Scene{Width: 64, Height: 48, Count: 1, Scale: 4}))
	if err != nil {
		t.Fatal(err)
	}
	one, two := variant(file, 1), variant(file, 2)
	if bytes.Equal(one, two) {
		t.Error("variant(file, 1) = variant(file, 2), want two files")
	}
	want, err := png.Decode(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	got, err := png.Decode(bytes.NewReader(one))
	if err != nil {
		t.Fatalf("a variant cannot be decoded: %v", err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("a variant has other pixels: -want +got\n%.300s", diff)
	}
}

func TestTableNamesWhatWasMissed(t *testing.T) {
	t.Parallel()
	section := Section{Title: "parts"}
	section.add("slow", "ms", 30, 10, 20).atMost(15)
	section.add("fast", "requests/s", 200).atLeast(100)
	report := Report{Machine: Machine{CPU: "cpu", Cores: 2}, Sections: []Section{section}}
	var out strings.Builder
	if err := report.Table(&out); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out.String(), "\n")
	for _, want := range [][]string{{"slow [ms]", "20", "10", "30", "≤ 15", "missed"}, {"fast [requests/s]", "≥ 100", "reached"}} {
		found := false
		for _, line := range lines {
			all := true
			for _, word := range want {
				all = all && strings.Contains(line, word)
			}
			found = found || all
		}
		if !found {
			t.Errorf("no line of the table has all of %q:\n%s", want, out.String())
		}
	}
}
