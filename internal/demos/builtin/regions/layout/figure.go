package layout

import (
	"cmp"
	"math"
	"slices"
)

const (
	// near and touching are how far apart, in character heights, the pieces of
	// one figure may be: large ones, and small ones such as labels.
	near, touching = 1.5, 0.7
	// mostText is the share of a figure that lines of text may fill: what has
	// more is a table or a frame around text.
	mostText = 0.35
	// maxSeeds bounds the pieces that figures are put together from.
	maxSeeds = 1500
	// maxFigures bounds what is found on one page.
	maxFigures = 200
)

// seed is a piece of a figure.
type seed struct {
	part
	// tone is how much of it, in pixels, is a photograph or a halftone.
	tone float64
}

// nowhere is a part that bounds nothing yet.
func nowhere() part {
	return part{u0: math.Inf(1), v0: math.Inf(1), u1: math.Inf(-1), v1: math.Inf(-1)}
}

// findSeeds returns what no text is made of: many small pieces close together,
// continuous tone, large parts.
func findSeeds(parts []part, kinds []kind, lines []textLine, tone []patch, sheet sheet) []seed {
	var seeds []seed
	for _, p := range slices.Concat(tone, findTexture(parts, kinds, sheet)) {
		if p.width() > 3*sheet.height && p.height() > 3*sheet.height && !isMargin(p.part, sheet.w, sheet.h) {
			seeds = append(seeds, seed{p.part, p.width() * p.height()})
		}
	}
	for i, p := range parts {
		if kinds[i] == large && !sheet.beside(p, lines) && textShare(p, lines) < mostText {
			seeds = append(seeds, seed{part: p})
		}
	}
	slices.SortStableFunc(seeds, func(a, b seed) int { return cmp.Compare(b.width()*b.height(), a.width()*a.height()) })
	return seeds[:min(len(seeds), maxSeeds)]
}

// findTexture returns the patches that many small pieces fill: the dots of a
// halftone, the strokes of an engraving.
func findTexture(parts []part, kinds []kind, sheet sheet) []patch {
	const few = 0.001 // a cell that a piece only reaches into
	across := sheet.w/crowdCell + 1
	value := make([]float64, across*(sheet.h/crowdCell+1))
	var pieces []int
	for i, p := range parts {
		weight := 0.0
		switch {
		case kinds[i] == dot:
			weight = 1
		case kinds[i] == hatch, kinds[i] == loose && max(p.width(), p.height()) > 0.4*sheet.height:
			weight = 4
		default:
			continue
		}
		pieces = append(pieces, i)
		for y := p.box.Min.Y / crowdCell; y <= (p.box.Max.Y-1)/crowdCell; y++ {
			for x := p.box.Min.X / crowdCell; x <= (p.box.Max.X-1)/crowdCell; x++ {
				value[y*across+x] += few
			}
		}
		value[(p.box.Min.Y+p.box.Max.Y)/2/crowdCell*across+(p.box.Min.X+p.box.Max.X)/2/crowdCell] += weight
	}
	var kept []patch
	for _, p := range patches(value, across, crowdCell, sheet.skew) {
		if p.sum < 40 {
			continue
		}
		// The pieces say more exactly than the cells where the patch ends.
		tight := patch{part: nowhere(), cells: p.cells, sum: p.sum}
		for _, i := range pieces {
			if parts[i].within(p.part) {
				tight.part = tight.join(parts[i])
			}
		}
		kept = append(kept, tight)
	}
	return kept
}

// beside reports whether a part of modest size stands in a line of text: an
// initial, or characters of two lines that touch.
func (s sheet) beside(p part, lines []textLine) bool {
	if p.width() > 8*s.height || p.height() > 8*s.height {
		return false
	}
	for _, l := range lines {
		overlap := min(p.v1, l.v1) - max(p.v0, l.v0)
		apart := max(p.u0, l.u0) - min(p.u1, l.u1)
		if overlap > 0.6*l.tall && apart < 1.5*s.height {
			return true
		}
	}
	return false
}

// textShare is the part of p's bounds that lines of text fill.
func textShare(p part, lines []textLine) float64 {
	covered := 0.0
	for _, l := range lines {
		covered += p.shared(l.part)
	}
	return covered / max(1, p.width()*p.height())
}

// group puts pieces that are near each other together until nothing changes.
func group(seeds []seed, reach float64) []seed {
	for {
		groups := newUnion(len(seeds))
		changed := false
		for i := range seeds {
			for j := i + 1; j < len(seeds); j++ {
				if seeds[i].gap(seeds[j].part) < reach {
					groups.join(int32(i), int32(j))
					changed = true
				}
			}
		}
		if !changed {
			return seeds
		}
		merged := make([]seed, 0, len(seeds))
		place := map[int32]int{}
		for i, s := range seeds {
			root := groups.root(int32(i))
			at, ok := place[root]
			if !ok {
				place[root] = len(merged)
				merged = append(merged, s)
				continue
			}
			m := &merged[at]
			m.part, m.tone = m.join(s.part), max(m.tone, s.tone)
		}
		seeds = merged
	}
}

// gather adds the small pieces that touch a figure or lie in it. Text beside
// it stays outside: it is a caption.
func gather(figures []seed, parts []part, kinds []kind, height float64) {
	for round := range 2 {
		for i, p := range parts {
			if kinds[i] == letter || kinds[i] == margin {
				continue
			}
			for j := range figures {
				f := &figures[j]
				reach := touching * height
				if kinds[i] == dot {
					reach /= 2
				}
				long := kinds[i] == rule && max(p.width(), p.height()) > 1.3*max(f.width(), f.height())
				if !long && f.gap(p) < reach && (round > 0 || kinds[i] != loose) {
					f.part = f.join(p)
					break
				}
			}
		}
	}
}

// findFigures puts the pieces together, drops what is no figure after all and
// returns the rest in reading order of a single column.
func findFigures(parts []part, kinds []kind, lines []textLine, tone []patch, sheet sheet) []Figure {
	figures := group(findSeeds(parts, kinds, lines, tone, sheet), near*sheet.height)
	gather(figures, parts, kinds, sheet.height)
	figures = group(figures, 0)
	var out []Figure
	for _, f := range figures {
		w, h := f.width(), f.height()
		share := textShare(f.part, lines)
		if min(w, h) < 3*sheet.height || max(w, h) < 5*sheet.height || share > mostText || isMargin(f.part, sheet.w, sheet.h) {
			continue
		}
		size := w * h / (w*h + 36*sheet.height*sheet.height)
		out = append(out, Figure{
			Box:     Box{Rectangle: sheet.full(f.box), Confidence: size * (1 - share)},
			Drawing: f.tone < 0.15*w*h,
		})
	}
	slices.SortStableFunc(out, func(a, b Figure) int { return cmp.Compare(b.Confidence, a.Confidence) })
	out = out[:min(len(out), maxFigures)]
	slices.SortStableFunc(out, func(a, b Figure) int {
		return cmp.Or(cmp.Compare(a.Min.Y, b.Min.Y), cmp.Compare(a.Min.X, b.Min.X))
	})
	return out
}
