package segment

import "math"

// contrast is how far each pixel is from the ground.
type contrast struct {
	w, h int
	// d is the distance in weighted Lab units, and dark marks pixels that
	// differ from the ground as a shadow does: darker, and hardly in colour.
	d    []float32
	dark []bool
	// threshold parts ground from objects.
	threshold float32
}

// scale is the resolution of the distance histogram: bins per unit.
const (
	scale = 8
	bins  = 160 * scale
	// least is the smallest distance that counts as an object whatever the
	// noise: about twice what an eye can tell apart.
	least = 4.5
)

func measure(p *planes, g *ground) *contrast {
	n := p.w * p.h
	c := &contrast{w: p.w, h: p.h, d: make([]float32, n), dark: make([]bool, n)}
	parallel(p.h, func(from, to int) {
		for y := from; y < to; y++ {
			_, v := g.coordinates(0, y)
			r := g.row(v)
			// The cubic along a row is followed by a step per pixel.
			for x := range p.w {
				i := y*p.w + x
				u := 2*(float64(x)+0.5)/float64(p.w) - 1
				dl, da, db := g.difference(&r, u, p.l[i], p.a[i], p.b[i])
				c.set(i, dl, da, db)
			}
		}
	})
	return c
}

// set records a pixel's difference from the ground.
func (c *contrast) set(i int, dl, da, db float32) {
	chroma := da*da + db*db
	c.d[i] = float32(math.Sqrt(float64(dl*dl + chroma)))
	limit := 2.5 - 0.14*dl
	c.dark[i] = dl < 0 && chroma < limit*limit
}

// choose sets the threshold by Otsu's method (1979) on the histogram of
// distances, lowered so that pale objects beside dark ones are kept, but never
// below what the ground's own scatter reaches: four times its median distance.
func (c *contrast) choose(g *ground) {
	floor := max(least, 4*float32(g.scatter))
	c.threshold = max(floor, 0.25*float32(otsu(c.histogram()[:]))/scale)
}

func (c *contrast) histogram() *[bins]int {
	histogram := new([bins]int)
	for _, d := range c.d {
		histogram[min(int(d*scale), bins-1)]++
	}
	return histogram
}

// otsu returns the bin that best parts the histogram in two.
func otsu(histogram []int) int {
	var count, sum float64
	for i, n := range histogram {
		count += float64(n)
		sum += float64(i) * float64(n)
	}
	var below, belowSum, best float64
	at := 0
	for i, n := range histogram {
		below += float64(n)
		belowSum += float64(i) * float64(n)
		above := count - below
		if below == 0 || above == 0 {
			continue
		}
		gap := belowSum/below - (sum-belowSum)/above
		if between := below * above * gap * gap; between > best {
			best, at = between, i
		}
	}
	return at
}
