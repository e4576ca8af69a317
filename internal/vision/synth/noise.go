package synth

import "math"

// lattice returns a number in 0..1 that depends on its arguments alone.
func lattice(x, y int, salt uint64) float64 {
	h := uint64(x)*0x9E3779B97F4A7C15 ^ uint64(y)*0xC2B2AE3D27D4EB4F ^ salt
	h ^= h >> 29
	h *= 0xBF58476D1CE4E5B9
	h ^= h >> 32
	h *= 0x94D049BB133111EB
	h ^= h >> 31
	return float64(h>>11) / (1 << 53)
}

// value is smooth noise in -1..1 with features about one unit wide.
func value(x, y float64, salt uint64) float64 {
	fx, fy := math.Floor(x), math.Floor(y)
	ix, iy := int(fx), int(fy)
	u, v := ease(x-fx), ease(y-fy)
	top := lattice(ix, iy, salt)*(1-u) + lattice(ix+1, iy, salt)*u
	low := lattice(ix, iy+1, salt)*(1-u) + lattice(ix+1, iy+1, salt)*u
	return 2*(top*(1-v)+low*v) - 1
}

// fractal adds two octaves of value noise; the result stays in -1..1.
func fractal(x, y float64, salt uint64) float64 {
	return (value(x, y, salt)*2 + value(x*2.1, y*2.1, salt+1)) / 3
}

func ease(t float64) float64 { return t * t * (3 - 2*t) }

// smoothstep rises from 0 at low to 1 at high.
func smoothstep(low, high, x float64) float64 {
	t := (x - low) / (high - low)
	return ease(min(max(t, 0), 1))
}
