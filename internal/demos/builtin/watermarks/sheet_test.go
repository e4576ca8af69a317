package watermarks_test

import (
	"image"
	"math"
	"math/rand/v2"

	"granary/internal/demos/plane"
)

// mark is a drawing of closed and open curves inside the unit square.
type mark [][][2]float64

// newMark returns mark number seed: two to four wavy loops and a stem.
func newMark(seed uint64) mark {
	r := rand.New(rand.NewPCG(seed, 7))
	var m mark
	for range 2 + r.IntN(3) {
		cx, cy, size := 0.25+0.5*r.Float64(), 0.2+0.6*r.Float64(), 0.1+0.15*r.Float64()
		waves, depth, phase, squeeze := 2+r.IntN(4), 0.5*r.Float64(), 6*r.Float64(), 0.6+0.8*r.Float64()
		var loop [][2]float64
		for i := range 121 {
			a := float64(i) / 120 * 2 * math.Pi
			radius := size * (1 + depth*math.Sin(float64(waves)*a+phase))
			loop = append(loop, [2]float64{cx + radius*math.Cos(a)*squeeze, cy + radius*math.Sin(a)})
		}
		m = append(m, loop)
	}
	x0, x1 := 0.3+0.4*r.Float64(), 0.3+0.4*r.Float64()
	return append(m, [][2]float64{{x0, 0.05}, {(x0 + x1) / 2, 0.5}, {x1, 0.95}})
}

// photo says how a sheet is photographed.
type photo struct {
	seed uint64
	// light is what the mark adds to the paper, grain the paper's deviation.
	light, grain float64
	// at is where the mark's unit square lies.
	at image.Rectangle
	// lines are the mould's, writing a few words over the sheet.
	lines, writing bool
}

// sheet draws a sheet with a mark and returns where the mark's strokes are.
func (m mark) sheet(w, h int, p photo) (plane.Gray, image.Rectangle) {
	r := rand.New(rand.NewPCG(p.seed, 8))
	shade := make([]float64, w*h)
	tilt := 60 * (r.Float64() - 0.5)
	for y := range h {
		for x := range w {
			v := 160 + tilt*float64(x)/float64(w) + p.grain*r.NormFloat64()
			if p.lines {
				if x%60 < 2 {
					v += 10
				}
				v += 3 * math.Sin(float64(y)*1.3)
			}
			shade[y*w+x] = v
		}
	}
	var bounds image.Rectangle
	brush := func(x, y, width, light float64) {
		for dy := -int(width); dy <= int(width); dy++ {
			for dx := -int(width); dx <= int(width); dx++ {
				at := image.Pt(int(x)+dx, int(y)+dy)
				if float64(dx*dx+dy*dy) <= width*width && at.In(image.Rect(0, 0, w, h)) {
					shade[at.Y*w+at.X] = light
				}
			}
		}
	}
	line := func(from, to [2]float64, width, light float64) {
		steps := int(math.Hypot(to[0]-from[0], to[1]-from[1])) + 1
		for i := range steps {
			t := float64(i) / float64(steps)
			x, y := from[0]+t*(to[0]-from[0]), from[1]+t*(to[1]-from[1])
			brush(x, y, width, light+p.grain*r.NormFloat64())
		}
	}
	for _, curve := range m {
		for i := range curve[1:] {
			place := func(q [2]float64) [2]float64 {
				return [2]float64{float64(p.at.Min.X) + q[0]*float64(p.at.Dx()), float64(p.at.Min.Y) + q[1]*float64(p.at.Dy())}
			}
			from, to := place(curve[i]), place(curve[i+1])
			line(from, to, 1.5, 160+tilt*from[0]/float64(w)+p.light)
			bounds = bounds.Union(image.Rect(int(from[0])-2, int(from[1])-2, int(from[0])+3, int(from[1])+3))
			bounds = bounds.Union(image.Rect(int(to[0])-2, int(to[1])-2, int(to[0])+3, int(to[1])+3))
		}
	}
	if p.writing {
		for word := range 6 {
			x, y := 20.0, 20+float64(word)*14
			for range 30 {
				nx, ny := x+3+4*r.Float64(), 20+float64(word)*14+8*r.Float64()
				line([2]float64{x, y}, [2]float64{nx, ny}, 1, 60)
				x, y = nx, ny
			}
		}
	}
	g := plane.New(w, h)
	for i, v := range shade {
		g.Pix[i] = uint8(min(max(v, 0), 255))
	}
	return g, bounds
}
