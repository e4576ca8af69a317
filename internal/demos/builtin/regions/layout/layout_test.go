package layout_test

import (
	"context"
	"errors"
	"image"
	"math"
	"sync"
	"testing"

	"golang.org/x/sync/errgroup"

	"granary/internal/demos/builtin/regions/layout"
	"granary/internal/demos/builtin/regions/layout/layouttest"
	"granary/internal/demos/plane"
)

func scan(t testing.TB, seed uint64, height int) layouttest.Page {
	t.Helper()
	page, err := layouttest.Draw(seed, height)
	if err != nil {
		t.Fatal(err)
	}
	if page, err = page.Scan(layouttest.Usual(seed)); err != nil {
		t.Fatal(err)
	}
	return page
}

func boxes[T any](from []T, box func(T) image.Rectangle) []image.Rectangle {
	out := make([]image.Rectangle, len(from))
	for i, v := range from {
		out[i] = box(v)
	}
	return out
}

func TestFiguresAndLinesOfPagesAreFound(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var figures, lines layouttest.Score
	skews := 0
	const pages = 24
	var group errgroup.Group
	group.SetLimit(2)
	for seed := range uint64(pages) {
		group.Go(func() error {
			page := scan(t, seed, 1600)
			found, err := layout.Analyse(t.Context(), page.Gray)
			if err != nil {
				return err
			}
			want := boxes(page.Figures, func(f layouttest.Figure) image.Rectangle { return f.Box })
			got := boxes(found.Figures, func(f layout.Figure) image.Rectangle { return f.Rectangle })
			f := layouttest.Judge(want, got, 0.7)
			l := layouttest.Judge(page.Lines, boxes(found.Lines, func(l layout.Line) image.Rectangle { return l.Rectangle }), 0.5)
			mu.Lock()
			defer mu.Unlock()
			figures, lines = figures.Add(f), lines.Add(l)
			if math.Abs(found.Skew-page.Skew) < 0.3 {
				skews++
			}
			if f.Found < f.True || f.False > 0 {
				t.Logf("page %d: figures %v, want %v (%v)", seed, got, want, page.Figures)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d of %d figures found (%.1f %%), %d false (%.1f %%); lines %.1f %%, %.1f %% false; skew right on %d of %d pages",
		figures.Found, figures.True, 100*figures.Recall(), figures.False, 100*figures.Wrong(), 100*lines.Recall(), 100*lines.Wrong(), skews, pages)
	if figures.Recall() < 0.9 || figures.Wrong() > 0.1 {
		t.Errorf("%.2f of the figures are found with %.2f false ones, want at least 0.9 and at most 0.1", figures.Recall(), figures.Wrong())
	}
	if lines.Recall() < 0.9 || lines.Wrong() > 0.1 {
		t.Errorf("%.2f of the lines are found with %.2f false ones, want at least 0.9 and at most 0.1", lines.Recall(), lines.Wrong())
	}
	if skews < pages*9/10 {
		t.Errorf("the skew is right on %d of %d pages", skews, pages)
	}
}

func TestAnalyseStopsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := layout.Analyse(ctx, plane.New(100, 100)); !errors.Is(err, context.Canceled) {
		t.Errorf("Analyse() = %v, want context.Canceled", err)
	}
}

func BenchmarkAnalyse(b *testing.B) {
	page := scan(b, 3, 2500)
	for b.Loop() {
		if _, err := layout.Analyse(b.Context(), page.Gray); err != nil {
			b.Fatal(err)
		}
	}
}
