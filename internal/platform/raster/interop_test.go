package raster

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestOtherWritersFiles compares what other software wrote with what it shows.
func TestOtherWritersFiles(t *testing.T) {
	t.Parallel()
	wants, err := filepath.Glob("testdata/interop/want_*.png")
	if err != nil || len(wants) == 0 {
		t.Fatalf("Glob() = %v, %v, want files", wants, err)
	}
	open := func(path string) *Picture {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		p, err := Gate{}.Open(data)
		if err != nil {
			t.Fatalf("Open(%s) = %v, want a picture", path, err)
		}
		return p
	}
	for _, path := range wants {
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), "want_"), ".png")
		got, err := open("testdata/interop/" + name).NRGBA()
		if err != nil {
			t.Errorf("NRGBA(%s) = %v, want pixels", name, err)
			continue
		}
		want, err := open(path).NRGBA()
		if err != nil || got.Rect != want.Rect {
			t.Errorf("NRGBA(%s) = %v, want %v, %v", name, got.Rect, want.Rect, err)
			continue
		}
		// Decoders interpolate colour differently at edges, so some pixels are
		// off; a wrong range or an inversion shows in the mean.
		sum, samples := 0, 0
		for y := range want.Rect.Dy() {
			for x := range want.Rect.Dx() {
				a, b := got.NRGBAAt(x, y), want.NRGBAAt(x, y)
				if a.A == 0 && b.A == 0 {
					continue
				}
				for _, d := range []int{int(a.R) - int(b.R), int(a.G) - int(b.G), int(a.B) - int(b.B), int(a.A) - int(b.A)} {
					sum += max(d, -d)
					samples++
				}
			}
		}
		if mean := float64(sum) / float64(samples); mean > 3 {
			t.Errorf("%s differs by %.1f levels in the mean, want at most 3", name, mean)
		}
	}
}
