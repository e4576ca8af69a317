package dti

// Side is the side of the squares that are compared, in pixels.
const Side = 32

const (
	pixels   = Side * Side
	channels = 3
)

// Picture is a square of Side×Side pixels, red, green and blue one after the
// other, row by row.
type Picture [pixels * channels]uint8

// tint is a picture of values about 0..1: a prototype, or a sample while it is
// looked at.
type tint [pixels * channels]float32

// tinted returns the sample's values.
func (p *Picture) tinted() *tint {
	var out tint
	for i, v := range p {
		out[i] = float32(v) / 255
	}
	return &out
}

// gray is the lightness of a picture.
type gray [pixels]float32

// lightness returns the mean of the channels, smoothed for alignment: a
// gradient tells of a step of a few pixels only where edges are as wide.
func (t *tint) lightness(passes int) *gray {
	var out gray
	for i := range out {
		out[i] = (t[3*i] + t[3*i+1] + t[3*i+2]) / 3
	}
	for range passes {
		out.smooth()
	}
	return &out
}

// smooth applies the binomial filter of five taps in both directions.
func (g *gray) smooth() {
	var line [Side + 4]float32
	pass := func(start, step int) {
		for i := range line {
			line[i] = g[start+step*min(max(i-2, 0), Side-1)]
		}
		for i := range Side {
			g[start+step*i] = (line[i] + line[i+4] + 4*(line[i+1]+line[i+3]) + 6*line[i+2]) / 16
		}
	}
	for i := range Side {
		pass(i*Side, 1)
	}
	for i := range Side {
		pass(i, Side)
	}
}

// place is the position of a pixel's middle, -1..1 across the picture.
func place(i int) float64 { return (float64(i)+0.5)*2/Side - 1 }

// places are the positions of the pixels of a row or column.
func places() (out [Side]float64) {
	for i := range out {
		out[i] = place(i)
	}
	return out
}

// weights returns the pixel left of and above a position, and how far it lies
// towards the next one; positions outside are moved to the edge.
func weights(u float32) (int, float32) {
	f := min(max((u+1)*(Side/2)-0.5, 0), Side-1)
	i := min(int(f), Side-2)
	return i, f - float32(i)
}

// at samples the lightness linearly.
func (g *gray) at(u, v float32) float32 {
	x, fx := weights(u)
	y, fy := weights(v)
	p := g[y*Side+x:]
	p = p[:Side+2]
	top := p[0] + fx*(p[1]-p[0])
	low := p[Side] + fx*(p[Side+1]-p[Side])
	return top + fy*(low-top)
}

// at samples the channels linearly.
func (t *tint) at(u, v float32, out *[channels]float32) {
	x, fx := weights(u)
	y, fy := weights(v)
	p := t[(y*Side+x)*channels:]
	p = p[:(Side+2)*channels]
	for k := range out {
		top := p[k] + fx*(p[k+channels]-p[k])
		low := p[k+Side*channels] + fx*(p[k+(Side+1)*channels]-p[k+Side*channels])
		out[k] = top + fy*(low-top)
	}
}
