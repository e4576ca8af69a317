package segment

// bitmap is a mask with 64 pixels to a word, each row from a word of its own.
// Bits beyond the width have no meaning.
type bitmap struct {
	w, h, stride int
	words        []uint64
}

func pack(mask []bool, w, h int) *bitmap {
	b := newBitmap(w, h)
	parallel(h, func(from, to int) {
		for y := from; y < to; y++ {
			line, words := mask[y*w:y*w+w], b.row(y)
			for k := range words {
				var word uint64
				for x, set := range line[64*k : min(64*k+64, w)] {
					var bit uint64
					if set {
						bit = 1
					}
					word |= bit << (x & 63)
				}
				words[k] = word
			}
		}
	})
	return b
}

func newBitmap(w, h int) *bitmap {
	stride := (w + 63) / 64
	return &bitmap{w: w, h: h, stride: stride, words: make([]uint64, stride*h)}
}

func (b *bitmap) row(y int) []uint64 { return b.words[y*b.stride : (y+1)*b.stride] }

func (b *bitmap) unpack(mask []bool) {
	parallel(b.h, func(from, to int) {
		for y := from; y < to; y++ {
			line := mask[y*b.w : y*b.w+b.w]
			for k, word := range b.row(y) {
				for x := range line[64*k : min(64*k+64, b.w)] {
					line[64*k+x] = word>>(x&63)&1 != 0
				}
			}
		}
	})
}

// square combines each pixel with its eight neighbours, rows first. outside
// stands for the ones beyond the border: all bits set or none.
func (b *bitmap) square(outside uint64, combine func(a, b, c uint64) uint64) *bitmap {
	mid, out := newBitmap(b.w, b.h), newBitmap(b.w, b.h)
	last := uint64(0) // the bits of a row's last word that lie beyond the width
	if b.w%64 != 0 {
		last = ^uint64(0) << (b.w % 64)
	}
	parallel(b.h, func(from, to int) {
		for y := from; y < to; y++ {
			in, to := b.row(y), mid.row(y)
			previous, word := outside, in[0]
			for k := range in {
				next := outside
				if k+1 < len(in) {
					next = in[k+1]
				} else {
					word = word&^last | outside&last
				}
				to[k] = combine(word<<1|previous>>63, word, word>>1|next<<63)
				previous, word = word, next
			}
		}
	})
	parallel(b.h, func(from, to int) {
		for y := from; y < to; y++ {
			up, in, down := mid.row(max(y-1, 0)), mid.row(y), mid.row(min(y+1, b.h-1))
			to := out.row(y)
			for k := range to {
				to[k] = combine(up[k], in[k], down[k])
			}
		}
	})
	return out
}
