package layouttest

import "image"

// Score counts what was found.
type Score struct {
	// True are the boxes that are there, Found those of them that were met,
	// False the boxes found that meet none.
	True, Found, False int
}

// Judge pairs boxes whose intersection over union is at least overlap, each
// once.
func Judge(want, got []image.Rectangle, overlap float64) Score {
	s := Score{True: len(want)}
	taken := make([]bool, len(want))
	for _, g := range got {
		best, at := overlap, -1
		for i, w := range want {
			if iou := IoU(w, g); !taken[i] && iou >= best {
				best, at = iou, i
			}
		}
		if at < 0 {
			s.False++
			continue
		}
		taken[at] = true
		s.Found++
	}
	return s
}

// Add sums scores.
func (s Score) Add(o Score) Score {
	return Score{s.True + o.True, s.Found + o.Found, s.False + o.False}
}

// Recall is the share of what is there that was found; Wrong that of what was
// found that is not there.
func (s Score) Recall() float64 { return float64(s.Found) / float64(max(1, s.True)) }

// Wrong is the share of the boxes found that meet none.
func (s Score) Wrong() float64 { return float64(s.False) / float64(max(1, s.Found+s.False)) }

// IoU is the intersection of two boxes over their union.
func IoU(a, b image.Rectangle) float64 {
	i := a.Intersect(b)
	shared := float64(i.Dx() * i.Dy())
	return shared / max(1, float64(a.Dx()*a.Dy()+b.Dx()*b.Dy())-shared)
}
