package trace

import "math/bits"

// skeleton is a mask with a border of one pixel around it, so that each pixel
// has eight neighbours.
type skeleton struct {
	w, h int // with the border
	on   []bool
}

// around lists the steps to the eight neighbours, clockwise from the north.
func (s *skeleton) around() [8]int {
	w := s.w
	return [8]int{-w, -w + 1, 1, w + 1, w, w - 1, -1, -w - 1}
}

// neighbours returns the neighbours of i as bits, clockwise from the north.
func (s *skeleton) neighbours(i int) uint8 {
	var found uint8
	for k, step := range s.around() {
		if s.on[i+step] {
			found |= 1 << k
		}
	}
	return found
}

// thin reduces the mask to lines of one pixel by the parallel algorithm of
// Guo and Hall (1989, A1), which keeps thin diagonals whole. Only pixels beside
// a removed one are looked at again, so time grows with the ink, not with
// width times picture.
func thin(mask []bool, w, h int) *skeleton {
	s := &skeleton{w: w + 2, h: h + 2, on: make([]bool, (w+2)*(h+2))}
	for y := range h {
		copy(s.on[(y+1)*s.w+1:], mask[y*w:(y+1)*w])
	}
	tables := thinning()
	around := s.around()
	var candidates []int32
	for i, on := range s.on {
		if on && s.neighbours(i) != 0xff {
			candidates = append(candidates, int32(i))
		}
	}
	queued := make([]bool, len(s.on))
	for len(candidates) > 0 {
		var next []int32
		for pass := range 2 {
			var removed []int32
			for _, i := range candidates {
				if s.on[i] && tables[pass][s.neighbours(int(i))] {
					removed = append(removed, i)
				}
			}
			for _, i := range removed {
				s.on[i] = false
			}
			for _, i := range removed {
				for _, step := range around {
					j := i + int32(step)
					if s.on[j] && !queued[j] {
						queued[j] = true
						next = append(next, j)
					}
				}
			}
			if pass == 0 {
				// What the first pass laid bare belongs to the second.
				candidates = append(candidates, next...)
			}
		}
		for _, i := range next {
			queued[i] = false
		}
		candidates = next
	}
	s.prune()
	return s
}

// thinning returns for each pass which neighbourhoods let the pixel go.
func thinning() *[2][256]bool {
	tables := new([2][256]bool)
	bit := func(n, k int) int { return n >> k & 1 }
	for n := range 256 {
		// In the paper's numbering p2 is bit 0 (north), p3 bit 1, … p9 bit 7.
		p := func(k int) int { return bit(n, k-2) }
		c := (1-p(2))&(p(3)|p(4)) + (1-p(4))&(p(5)|p(6)) + (1-p(6))&(p(7)|p(8)) + (1-p(8))&(p(9)|p(2))
		n1 := (p(9) | p(2)) + (p(3) | p(4)) + (p(5) | p(6)) + (p(7) | p(8))
		n2 := (p(2) | p(3)) + (p(4) | p(5)) + (p(6) | p(7)) + (p(8) | p(9))
		if count := min(n1, n2); c != 1 || count < 2 || count > 3 {
			continue
		}
		tables[0][n] = (p(2)|p(3)|(1-p(5)))&p(4) == 0
		tables[1][n] = (p(6)|p(7)|(1-p(9)))&p(8) == 0
	}
	return tables
}

// prune removes, one by one, pixels that a line does not need to stay
// connected: the inner ones of staircases.
func (s *skeleton) prune() {
	for i, on := range s.on {
		if !on {
			continue
		}
		n := s.neighbours(i)
		if bits.OnesCount8(n) >= 2 && simple(n) {
			s.on[i] = false
		}
	}
}

// simple reports whether the neighbours stay connected without the pixel and
// no hole opens: the 8-connectivity number of Yokoi is one.
func simple(n uint8) bool {
	off := func(k int) int { return int(^n >> (k & 7) & 1) }
	c := 0
	for k := 0; k < 8; k += 2 {
		c += off(k) - off(k)*off(k+1)*off(k+2)
	}
	return c == 1
}
