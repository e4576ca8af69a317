package layout

import (
	"cmp"
	"image"
	"slices"
)

// kind is what a part is taken for.
type kind uint8

const (
	loose  kind = iota // small, and nothing else
	letter             // in a line of text
	dot                // one of many close together: halftone
	rule               // a straight line on the level page
	hatch              // strokes that lie closer than lines of text do
	large              // too large for text
	margin             // the edge of the sheet, or what lies beside it
)

const (
	// crowdCell is the side of the squares in which small parts are counted,
	// and crowd how many more than fit text make a halftone in three by three.
	crowdCell, crowd, crowdSide = 12, 15, 10
	// fewestLetters is how many characters make a line.
	fewestLetters = 3
	// maxRules bounds the rules that are compared.
	maxRules = 3000
)

// crowded tells which parts stand as close together in both directions as
// only the dots of a halftone do.
func crowded(parts []part, w, h int) []bool {
	across, down := w/crowdCell+1, h/crowdCell+1
	counts := make([]int32, across*down)
	place := func(p part) (int, int) {
		return (p.box.Min.X + p.box.Max.X) / 2 / crowdCell, (p.box.Min.Y + p.box.Max.Y) / 2 / crowdCell
	}
	small := func(p part) bool { return max(p.box.Dx(), p.box.Dy()) <= crowdSide }
	for _, p := range parts {
		if x, y := place(p); small(p) {
			counts[y*across+x]++
		}
	}
	out := make([]bool, len(parts))
	for i, p := range parts {
		if !small(p) {
			continue
		}
		cx, cy := place(p)
		n := int32(0)
		for y := max(0, cy-1); y <= min(down-1, cy+1); y++ {
			for x := max(0, cx-1); x <= min(across-1, cx+1); x++ {
				n += counts[y*across+x]
			}
		}
		out[i] = n > crowd
	}
	return out
}

// isRule reports whether a part is a straight line along the page.
func isRule(p part, height float64) bool {
	thin, long := min(p.width(), p.height()), max(p.width(), p.height())
	return long > 3*height && thin < max(4, 0.6*height) && long > 7*thin
}

// isStroke reports whether a part is one long stroke, which letters that touch
// are not: they cross each row many times.
func isStroke(p part) bool {
	return p.width() > 3*p.height() && 2*p.runs < 5*p.box.Dy()
}

// isMargin reports whether a part is the shadow along a side of the sheet or
// what shows around it.
func isMargin(p part, w, h int) bool {
	touches := p.box.Min.X <= 1 || p.box.Min.Y <= 1 || p.box.Max.X >= w-1 || p.box.Max.Y >= h-1
	if !touches {
		return false
	}
	dx, dy := p.box.Dx(), p.box.Dy()
	if dx*10 > w*9 && dy*10 > h*9 {
		return p.area*3 < dx*dy // a frame around the sheet
	}
	return dx*16 < w && dy*5 > h || dy*16 < h && dx*5 > w
}

// textLine is a row of characters.
type textLine struct {
	part
	members []int32
	// tall is the median height of its characters.
	tall float64
}

// findLines chains the parts that may be characters along the level page, and
// marks their kinds. Chains that cover each other are the strokes of an
// engraving.
func findLines(parts []part, kinds []kind, height float64) []textLine {
	var order []int32
	for i, p := range parts {
		if tall := p.height(); kinds[i] == loose && tall > 0.4*height && tall < 5*height && p.width() < max(12*tall, 20*height) {
			order = append(order, int32(i))
		}
	}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Compare(parts[a].u0, parts[b].u0) })
	chains := newUnion(len(order))
	for i, a := range order {
		p := parts[a]
		// The next character of the same row, and those that overlap it.
		for j := i + 1; j < len(order); j++ {
			q := parts[order[j]]
			apart := q.u0 - p.u1
			if apart > 1.8*max(height, p.height()) {
				break // the others begin still farther to the right
			}
			overlap := min(p.v1, q.v1) - max(p.v0, q.v0)
			short, tall := min(p.height(), q.height()), max(p.height(), q.height())
			if overlap > 0.5*short && tall < 2.6*short && apart < 1.8*max(height, short) {
				chains.join(int32(i), int32(j))
			}
		}
	}
	return readLines(parts, kinds, order, chains)
}

// readLines keeps the chains that look like text.
func readLines(parts []part, kinds []kind, order []int32, chains union) []textLine {
	members := map[int32][]int32{}
	for i, p := range order {
		root := chains.root(int32(i))
		members[root] = append(members[root], p)
	}
	var lines []textLine
	for i := range order {
		list := members[int32(i)]
		if len(list) == 0 {
			continue
		}
		line := textLine{part: parts[list[0]], members: list}
		heights := make([]float64, len(list))
		for j, m := range list {
			line.part = line.join(parts[m])
			heights[j] = parts[m].height()
		}
		line.area -= parts[list[0]].area
		slices.Sort(heights)
		line.tall = heights[len(heights)/2]
		// A word whose letters touch is one part, many times longer than tall.
		long := line.width() > 2*line.tall && (len(list) >= fewestLetters || line.width() > 4*line.tall)
		if !long || line.height() > 3*line.tall {
			continue
		}
		lines = append(lines, line)
	}
	lines = apart(lines, kinds)
	slices.SortFunc(lines, func(a, b textLine) int { return cmp.Or(cmp.Compare(a.v0, b.v0), cmp.Compare(a.u0, b.u0)) })
	return lines
}

// apart keeps the lines that others hardly cover.
func apart(lines []textLine, kinds []kind) []textLine {
	var kept []textLine
	for i, l := range lines {
		covered := 0.0
		for j, o := range lines {
			if i != j {
				covered += l.shared(o.part)
			}
		}
		what := letter
		if covered > 0.35*l.width()*l.height() {
			what = hatch
		} else {
			kept = append(kept, l)
		}
		for _, m := range l.members {
			kinds[m] = what
		}
	}
	return kept
}

// findHatches marks the rules that lie closer together than lines of text.
func findHatches(parts []part, kinds []kind, height float64) {
	var rules []int32
	for i := range parts {
		if kinds[i] == rule {
			rules = append(rules, int32(i))
		}
	}
	for _, a := range rules[:min(len(rules), maxRules)] {
		others := 0
		for _, b := range rules[:min(len(rules), maxRules)] {
			if a != b && parts[a].gap(parts[b]) < 0.8*height {
				others++
			}
		}
		if others > 5 { // a staff of music has five
			kinds[a] = hatch
		}
	}
}

// characters returns the bounds of the characters of a line, from left to
// right; an accent or a dot belongs to what stands below it.
func (l textLine) characters(parts []part) []image.Rectangle {
	sorted := slices.SortedFunc(slices.Values(l.members), func(a, b int32) int { return cmp.Compare(parts[a].u0, parts[b].u0) })
	var out []image.Rectangle
	end := 0.0
	for _, m := range sorted {
		p := parts[m]
		if n := len(out); n > 0 && end-p.u0 > 0.5*p.width() {
			out[n-1] = out[n-1].Union(p.box)
			end = max(end, p.u1)
			continue
		}
		out = append(out, p.box)
		end = p.u1
	}
	return out
}

// adopt gives the accents and full stops near a line to it.
func adopt(lines []textLine, parts []part, kinds []kind) {
	for i, p := range parts {
		if kinds[i] != loose {
			continue
		}
		for j := range lines {
			l := &lines[j]
			if p.v0 > l.v1 || p.v1 < l.v0-0.6*l.tall || p.height() > l.tall || p.u0 < l.u0-l.tall || p.u1 > l.u1+l.tall {
				continue
			}
			l.part = l.join(p)
			l.members = append(l.members, int32(i))
			kinds[i] = letter
			break
		}
	}
}
