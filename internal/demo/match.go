package demo

import "granary/internal/vision/synth"

// enoughOverlap is the intersection over union from which a box counts as
// having found an object (Everingham 2010, PASCAL VOC).
const enoughOverlap = 0.5

// match returns the species of the object that a box covers, "" for none.
func match(box rect, truth []synth.Truth) string {
	best, name := enoughOverlap, ""
	for _, t := range truth {
		width := min(box.BottomX, t.MaxX) - max(box.TopX, t.MinX)
		height := min(box.BottomY, t.MaxY) - max(box.TopY, t.MinY)
		if width <= 0 || height <= 0 {
			continue
		}
		common := width * height
		both := (box.BottomX-box.TopX)*(box.BottomY-box.TopY) + (t.MaxX-t.MinX)*(t.MaxY-t.MinY) - common
		if overlap := common / both; overlap > best {
			best, name = overlap, t.Species
		}
	}
	return name
}
