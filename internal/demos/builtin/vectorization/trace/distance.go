package trace

// unit is the length of one pixel step in the distances of this file.
const unit = 5

// distances returns for each pixel of that value how far the nearest pixel
// of the other value is, by the chamfer metric 5-7 (Borgefors 1986: at most 6 %
// off), in fifths of a pixel. Beyond the border all is of the other value
// when outside says so.
func distances(mask []bool, w, h int, value, outside bool) []uint16 {
	const far = 65000
	d := make([]uint16, w*h)
	rim := uint16(far)
	if outside {
		rim = 0
	}
	at := func(x, y int) uint16 {
		if x < 0 || y < 0 || x >= w || y >= h {
			return rim
		}
		return d[y*w+x]
	}
	for y := range h {
		for x := range w {
			i := y*w + x
			if mask[i] != value {
				continue
			}
			var a, b, c, e uint16
			if x > 0 && y > 0 && x+1 < w {
				a, b, c, e = d[i-1], d[i-w-1], d[i-w], d[i-w+1]
			} else {
				a, b, c, e = at(x-1, y), at(x-1, y-1), at(x, y-1), at(x+1, y-1)
			}
			d[i] = min(min(a, c)+unit, min(b, e)+7, far)
		}
	}
	for y := h - 1; y >= 0; y-- {
		for x := w - 1; x >= 0; x-- {
			i := y*w + x
			if mask[i] != value {
				continue
			}
			var a, b, c, e uint16
			if x > 0 && y+1 < h && x+1 < w {
				a, b, c, e = d[i+1], d[i+w+1], d[i+w], d[i+w-1]
			} else {
				a, b, c, e = at(x+1, y), at(x+1, y+1), at(x, y+1), at(x-1, y+1)
			}
			d[i] = min(d[i], min(a, c)+unit, min(b, e)+7)
		}
	}
	return d
}

// ridge reports whether no neighbour of the pixel lies deeper.
func ridge(d []uint16, w, h, x, y int) bool {
	v := d[y*w+x]
	for ny := max(y-1, 0); ny <= min(y+1, h-1); ny++ {
		for nx := max(x-1, 0); nx <= min(x+1, w-1); nx++ {
			if d[ny*w+nx] > v {
				return false
			}
		}
	}
	return true
}
