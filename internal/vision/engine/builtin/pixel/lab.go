package pixel

import (
	"math"
	"sync"
)

const (
	// linearSteps is the resolution of the sRGB table: 8 bits and 4 more that
	// averaging adds.
	linearSteps = 256 * 16
	// rootSteps is the resolution of the cube root table; half a step is 0.03
	// units of L at worst.
	rootSteps = 1 << 14
)

// Converter turns sRGB into CIE Lab (CIE 15:2004, D65 white, IEC 61966-2-1
// transfer curve) without a power or a root per pixel.
type Converter struct {
	linear [linearSteps]float32
	root   [rootSteps + 64]float32
}

// Lab returns the one Converter; it is built on first use and constant from
// then on.
var Lab = sync.OnceValue(func() *Converter {
	t := new(Converter)
	for i := range t.linear {
		v := float64(i) / (16 * 255)
		if v <= 0.04045 {
			v /= 12.92
		} else {
			v = math.Pow((v+0.055)/1.055, 2.4)
		}
		t.linear[i] = float32(min(v, 1))
	}
	for i := range t.root {
		v := (float64(i) + 0.5) / rootSteps
		if v > 216.0/24389 {
			t.root[i] = float32(math.Cbrt(v))
		} else {
			t.root[i] = float32((24389.0/27*v + 16) / 116)
		}
	}
	return t
})

// Sixteenths converts sRGB given in sixteenths of a level, 0..4080, to CIE
// Lab: L in 0..100, a and b within about ±110.
func (t *Converter) Sixteenths(r, g, b uint32) (l, a, bb float32) {
	lr, lg, lb := t.linear[r], t.linear[g], t.linear[b]
	x := t.root[int((0.4124564*lr+0.3575761*lg+0.1804375*lb)*(rootSteps/0.95047))]
	y := t.root[int((0.2126729*lr+0.7151522*lg+0.0721750*lb)*rootSteps)]
	z := t.root[int((0.0193339*lr+0.1191920*lg+0.9503041*lb)*(rootSteps/1.08883))]
	return 116*y - 16, 500 * (x - y), 200 * (y - z)
}
