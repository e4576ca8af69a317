package layout

import (
	"math"
	"slices"
)

const (
	// maxSkew is the largest skew that is looked for, in degrees.
	maxSkew = 6.0
	// fewest is how many characters a page needs for its skew to be told.
	fewest = 20
)

// characterHeight is the height of most characters in working pixels: the
// median, each part weighted by its height so that dots and noise count
// little. A page without writing has a common one.
func characterHeight(parts []part, w, h int) float64 {
	longest := max(w, h)
	var heights []int
	total := 0
	for _, p := range parts {
		size := p.box.Size()
		if size.Y >= 4 && size.Y <= longest/16 && size.X <= 8*size.Y && size.Y <= 6*size.X && p.area*8 > size.X*size.Y {
			heights = append(heights, size.Y)
			total += size.Y
		}
	}
	if len(heights) < fewest {
		return float64(longest) / 90
	}
	slices.Sort(heights)
	half := total / 2
	for _, height := range heights {
		if half -= height; half < 0 {
			return max(float64(height), float64(longest)/250)
		}
	}
	return float64(longest) / 90
}

// findSkew returns the angle in radians by which the lines of text fall to the
// right. At the right angle the feet of the characters fill few rows of the
// page, at others many: after H. S. Baird, The skew angle of printed
// documents, SPSE 40 (1987).
func findSkew(parts []part, height float64) float64 {
	var feet [][2]float64
	for _, p := range parts {
		size := p.box.Size()
		if tall := float64(size.Y); tall > 0.5*height && tall < 2.5*height && float64(size.X) < 4*height {
			feet = append(feet, [2]float64{float64(p.box.Min.X+p.box.Max.X) / 2, float64(p.box.Max.Y)})
		}
	}
	if len(feet) < fewest {
		return 0
	}
	best := steepest(feet, height, 0, maxSkew, 0.5)
	best = steepest(feet, height, best, 0.5, 0.1)
	return steepest(feet, height, best, 0.1, 0.02) * math.Pi / 180
}

// steepest tries angles around one and returns the best, in degrees.
func steepest(feet [][2]float64, height, around, reach, step float64) float64 {
	best, most := around, -1.0
	size := max(1, height/5)
	rows := map[int]int{}
	for i := -int(reach/step + 0.5); i <= int(reach/step+0.5); i++ {
		angle := around + float64(i)*step
		sin, cos := math.Sincos(angle * math.Pi / 180)
		clear(rows)
		for _, foot := range feet {
			rows[int(math.Floor((foot[1]*cos-foot[0]*sin)/size))]++
		}
		score := 0.0
		for _, n := range rows {
			score += float64(n) * float64(n)
		}
		// Without a clear winner the smaller turn is the likelier one.
		if score *= 1 - 0.002*math.Abs(angle); score > most {
			best, most = angle, score
		}
	}
	return best
}
