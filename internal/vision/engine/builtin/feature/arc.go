package feature

import (
	"math"
	"sync"
)

// arcSteps is how many steps of the tangent from 0 to 1 are in the table.
const arcSteps = 32

// arcTable holds arctangents at even steps. Between them the first terms of the
// series are exact to the last bits of a float64, for a third of the time that
// math.Atan2 takes: it is asked for every pixel.
type arcTable [arcSteps + 1]float64

// arcs returns the one table; it is built on first use and constant from then
// on.
var arcs = sync.OnceValue(func() *arcTable {
	t := new(arcTable)
	for i := range t {
		t[i] = math.Atan(float64(i) / arcSteps)
	}
	return t
})

// tangent is math.Atan2 for finite numbers, and 0 at the origin.
func (t *arcTable) tangent(y, x float64) float64 {
	ay, ax := math.Abs(y), math.Abs(x)
	high, low := max(ay, ax), min(ay, ax)
	if high == 0 {
		return 0
	}
	i := min(int(low/high*arcSteps+0.5), arcSteps)
	// atan(low/high) - atan(near) = atan((low - near·high) / (high + near·low)).
	near := float64(i) / arcSteps
	d := (low - near*high) / (high + near*low)
	s := d * d
	angle := t[i] + d*(1-s*(1.0/3-s*(1.0/5-s*(1.0/7))))
	if ay > ax {
		angle = math.Pi/2 - angle
	}
	if x < 0 {
		angle = math.Pi - angle
	}
	return math.Copysign(angle, y)
}
