package trace

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"granary/internal/demos/plane"
)

const (
	// MaxPixels is the largest picture that is traced as it is; a larger one
	// is reduced first, so that memory stays below 150 MB.
	MaxPixels = 8_000_000
	// MaxSegments bounds the primitives of a drawing. A page that needs more
	// is a photograph or noise.
	MaxSegments = 20_000
)

const (
	// speck is the least area, in pixels, of ink that is drawn.
	speck = 6
	// uneven is the relative mean deviation of a stroke's width above which
	// a component is drawn as a solid.
	uneven = 0.3
	// likeness is by how much the ink of a component's strokes may be more or
	// less than its own.
	likeness = 1.4
)

// Trace turns the picture into a drawing. A blank page, a black one and one of
// nothing but noise give a drawing without shapes. It checks ctx on its way
// and returns its error; there is no other.
func Trace(ctx context.Context, g plane.Gray) (Drawing, error) {
	d := Drawing{Width: g.W, Height: g.H}
	if g.W < 3 || g.H < 3 {
		return d, nil
	}
	side := max(g.W, g.H)
	for work := g; ; work = g.Within(side) {
		if work.W*work.H <= MaxPixels {
			g = work
			break
		}
		side = side * 9 / 10
	}
	page := &page{ctx: ctx, ink: find(g)}
	width, height := d.Width, d.Height
	d.Width, d.Height = g.W, g.H
	if err := page.draw(&d); err != nil {
		return Drawing{}, fmt.Errorf("trace picture: %w", err)
	}
	if d.Width != width || d.Height != height {
		d.stretch(width, height)
	}
	return d, nil
}

// page is the work on one picture.
type page struct {
	ctx     context.Context
	ink     *ink
	depth   []uint16
	strokes components
	// solid marks the ink that is drawn by its rim.
	solid []bool
}

func (p *page) draw(d *Drawing) error {
	w, h, mask := p.ink.w, p.ink.h, p.ink.mask
	p.clean()
	if err := p.ctx.Err(); err != nil {
		return err
	}
	p.depth = distances(mask, w, h, true, true)
	p.solid = solids(mask, p.depth, w, h, halfWidth(p.depth, w, h))
	thinnable := make([]bool, w*h)
	for i := range thinnable {
		thinnable[i] = mask[i] && !p.solid[i]
	}
	p.strokes = connect(thinnable, w, h, true, true)
	g := network(thin(thinnable, w, h), p.depth, p.strokes.labels(w, h))
	if err := p.ctx.Err(); err != nil {
		return err
	}
	blob := p.blobs(g)
	g.clean()
	g.refine(p.ink, p.depth)
	chains := g.join()
	p.unevenly(chains, blob)
	p.strokes.paint(p.solid, w, true, func(label int32) bool { return blob[label] })
	chains = slices.DeleteFunc(chains, func(c chain) bool { return blob[c.component] })
	// The largest first, in case that not all fit.
	slices.SortStableFunc(chains, func(a, b chain) int {
		return cmp.Or(cmp.Compare(p.strokes.area[b.component], p.strokes.area[a.component]), cmp.Compare(a.component, b.component))
	})
	if err := p.drawStrokes(d, g, chains); err != nil {
		return err
	}
	return p.drawSolids(d)
}

// clean removes specks of ink and fills pinholes.
func (p *page) clean() {
	w, h, mask := p.ink.w, p.ink.h, p.ink.mask
	least := int32(speck)
	if p.ink.noise > 8 {
		least *= 2
	}
	spots := connect(mask, w, h, true, true)
	spots.paint(mask, w, false, func(label int32) bool { return spots.area[label] < least })
	holes := connect(mask, w, h, false, false)
	holes.paint(mask, w, true, func(label int32) bool { return holes.area[label] < 3 && !holes.rim[label] })
}

// blobs tells which components are too compact for a stroke: dots.
func (p *page) blobs(g *graph) []bool {
	length := make([]float64, len(p.strokes.area))
	deepest := make([]float64, len(p.strokes.area))
	for i := range g.edges {
		length[g.edges[i].component] += g.edges[i].length()
	}
	for _, r := range p.strokes.runs {
		for _, v := range p.depth[int(r.y)*p.ink.w+int(r.x0) : int(r.y)*p.ink.w+int(r.x1)] {
			deepest[r.label] = max(deepest[r.label], float64(v)/unit)
		}
	}
	out := make([]bool, len(length))
	for i := range out {
		out[i] = length[i] < 1.8*deepest[i]+1
	}
	return out
}

// unevenly adds the components whose strokes vary much in width.
func (p *page) unevenly(chains []chain, blob []bool) {
	wobble := make([]float64, len(blob))
	length := make([]float64, len(blob))
	for _, c := range chains {
		n := float64(len(c.points))
		wobble[c.component] += n * c.wobble
		length[c.component] += n
	}
	for i := range blob {
		blob[i] = blob[i] || wobble[i] >= uneven*length[i]
	}
}

// drawStrokes adds the strokes to the drawing. Components of which strokes
// give a bad likeness are left to drawSolids.
func (p *page) drawStrokes(d *Drawing, g *graph, chains []chain) error {
	var all []stroke
	flat, round, segments := 0, 0, 0
	inked := make([]float64, len(p.strokes.area))
	dropped := map[int32]bool{}
	for _, c := range chains {
		if err := p.ctx.Err(); err != nil {
			return err
		}
		if segments >= MaxSegments {
			dropped[c.component] = true
			continue
		}
		s := newStroke(c, g, p.ink)
		if s.chain.closed && len(s.spans) == 1 && s.spans[0].kind == Line {
			continue // a loop smaller than what is told apart
		}
		segments += len(s.spans)
		inked[c.component] += s.length() * c.width
		f, r := s.flat(p.ink)
		flat, round = flat+f, round+r
		all = append(all, s)
	}
	d.Round = round > flat
	d.Dropped += len(dropped)
	unlike := func(label int32) bool {
		ratio := inked[label] / float64(p.strokes.area[label])
		return inked[label] > 0 && !dropped[label] && (ratio < 1/likeness || ratio > likeness)
	}
	p.strokes.paint(p.solid, p.ink.w, true, unlike)
	for i := range all {
		if s := &all[i]; !unlike(s.chain.component) {
			d.Shapes = append(d.Shapes, s.shape(d.Round))
		}
	}
	return nil
}

// drawSolids adds what is drawn by its rim, the largest first.
func (p *page) drawSolids(d *Drawing) error {
	parts := rims(p.solid, p.ink)
	order := make([]int32, 0, len(parts))
	for label := range parts {
		order = append(order, label)
	}
	size := func(label int32) int {
		n := 0
		for _, r := range parts[label] {
			n += len(r)
		}
		return n
	}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Or(cmp.Compare(size(b), size(a)), cmp.Compare(a, b)) })
	segments := d.Segments()
	for _, label := range order {
		if err := p.ctx.Err(); err != nil {
			return err
		}
		if segments >= MaxSegments {
			d.Dropped++
			continue
		}
		var s Shape
		across := thickness(parts[label])
		for _, rim := range parts[label] {
			s.Outlines = append(s.Outlines, contour(rim, across))
		}
		segments += s.segments()
		d.Shapes = append(d.Shapes, s)
	}
	return nil
}
