package feature

import (
	"math"
	"testing"
)

func TestTangentIsAtan2(t *testing.T) {
	t.Parallel()
	arc := arcs()
	for i := range 4001 {
		want := float64(i-2000) / 2000 * math.Pi
		y, x := 7.5*math.Sin(want), 7.5*math.Cos(want)
		if got, want := arc.tangent(y, x), math.Atan2(y, x); math.Abs(got-want) > 1e-14 {
			t.Errorf("tangent(%v, %v) = %v, want %v", y, x, got, want)
		}
	}
	for _, p := range [][2]float64{{0, 0}, {0, 3}, {3, 0}, {-3, 0}, {0, -3}, {2, 2}, {-2, -2}, {1e-300, 1e300}, {5e-324, 5e-324}} {
		if got, want := arc.tangent(p[0], p[1]), math.Atan2(p[0], p[1]); math.Abs(got-want) > 1e-14 {
			t.Errorf("tangent(%v, %v) = %v, want %v", p[0], p[1], got, want)
		}
	}
}
