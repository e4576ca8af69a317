package raster

import "encoding/binary"

// rowPlacer undoes the filters of the rows of a picture (PNG, third edition,
// section 9.2) and puts each where it stays, while the rows behind it are
// still being unpacked to the same memory.
type rowPlacer struct {
	// memory has height rows of stride bytes from its start on, where they
	// stay. As they are unpacked, each is a filter byte and count bytes, step
	// bytes a pixel, which end one byte before the end of memory. Rows of
	// three samples a pixel become four, the last one opaque. No sample is
	// written over before it has been read.
	memory                      []byte
	height, stride, count, step int

	placed int    // rows
	above  []byte // the last of them
}

// packed returns the bytes to which rows are unpacked.
func (p *rowPlacer) packed() []byte {
	end := len(p.memory) - 1
	return p.memory[end-p.height*(1+p.count) : end]
}

// place places the rows that are there, of which made bytes have been
// unpacked, as far as the inflater cannot come back to the bytes that they
// go to, or look for the byte behind them.
func (p *rowPlacer) place(made int) error {
	all := p.height * (1 + p.count)
	first := len(p.memory) - 1 - all
	for ; p.placed < p.height; p.placed++ {
		begin, to := p.placed*(1+p.count), p.placed*p.stride
		end := begin + 1 + p.count
		if made < all && (made <= end || first+made-windowSize < to+p.stride) {
			return nil
		}
		filter, row := p.memory[first+begin], p.memory[first+begin+1:first+end+1]
		if filter > 4 {
			return errUnusual
		}
		place := p.memory[to : to+p.stride : to+p.stride]
		if p.step == 1 {
			copy(place, row)
			unfilterGray(filter, place, p.above)
		} else {
			unfilterPixels(filter, place, row, p.above, p.step)
		}
		p.above = place
	}
	return nil
}

func unfilterGray(filter byte, row, above []byte) {
	above = above[:len(row)]
	left, corner := byte(0), 0
	switch filter {
	case 1:
		for i := range row {
			left += row[i]
			row[i] = left
		}
	case 2:
		for i, a := range above {
			row[i] += a
		}
	case 3:
		for i, a := range above {
			left = row[i] + byte((int(left)+int(a))/2)
			row[i] = left
		}
	case 4:
		for i, a := range above {
			left = row[i] + paeth(int(left), int(a), corner)
			row[i] = left
			corner = int(a)
		}
	}
}

// unfilterPixels reads pixels of step bytes, three or four, from row, with
// one byte more behind them, and writes pixels of four bytes to place. The
// samples of a pixel are worked on in one word where that is possible.
func unfilterPixels(filter byte, place, row, above []byte, step int) {
	const (
		low    = 0x7f7f7f7f // all but the highest bit of a sample
		high   = 0x80808080
		opaque = 0xff000000
	)
	above = above[:len(place)]
	seal := uint32(0)
	if step == 3 {
		seal = opaque
	}
	left := uint32(0)
	switch filter {
	case 0:
		if step == 4 {
			copy(place, row)
			return
		}
		for i, j := 0, 0; i+4 <= len(place); i, j = i+4, j+step {
			binary.LittleEndian.PutUint32(place[i:], binary.LittleEndian.Uint32(row[j:])|seal)
		}
	case 1:
		for i, j := 0, 0; i+4 <= len(place); i, j = i+4, j+step {
			now := binary.LittleEndian.Uint32(row[j:])
			left = (now&low + left&low) ^ (now^left)&high
			binary.LittleEndian.PutUint32(place[i:], left|seal)
		}
	case 2:
		for i, j := 0, 0; i+4 <= len(place); i, j = i+4, j+step {
			now, up := binary.LittleEndian.Uint32(row[j:]), binary.LittleEndian.Uint32(above[i:])
			binary.LittleEndian.PutUint32(place[i:], (now&low+up&low)^(now^up)&high|seal)
		}
	case 3:
		unfilterMean(place, row, above, step, seal)
	case 4:
		if step == 3 {
			unfilterPaeth3(place, row, above)
		} else {
			unfilterPaeth4(place, row, above)
		}
	}
}

// unfilterMean works on samples in lanes of 16 bits of a word, in which a sum
// needs no care, the first and the third in the lower half. Pixels wait for the
// one before, so nothing but the sum itself is left to wait for. Four at a time
// spare most of the questions where a row ends.
func unfilterMean(place, row, above []byte, step int, seal uint32) {
	left := uint64(0)
	at := 0
	for both := uint64(seal) | uint64(seal)<<32; at+16 <= len(place) && at+16 <= len(above) && len(row) >= 17; at, row = at+16, row[4*step:] {
		to, up := place[at:at+16:at+16], above[at:at+16:at+16]
		first := binary.LittleEndian.Uint64(row)
		second, third, fourth := first>>24, binary.LittleEndian.Uint64(row[6:]), uint64(0)
		if step == 3 {
			fourth = third >> 24
		} else {
			second, third = first>>32, binary.LittleEndian.Uint64(row[8:])
			fourth = third >> 32
		}
		ups := binary.LittleEndian.Uint64(up)
		a := meanLanes(left, spread(ups), spread(first))
		b := meanLanes(a, spread(ups>>32), spread(second))
		ups = binary.LittleEndian.Uint64(up[8:])
		c := meanLanes(b, spread(ups), spread(third))
		left = meanLanes(c, spread(ups>>32), spread(fourth))
		binary.LittleEndian.PutUint64(to, gather(a)|gather(b)<<32|both)
		binary.LittleEndian.PutUint64(to[8:], gather(c)|gather(left)<<32|both)
	}
	for ; at+4 <= len(place) && at+4 <= len(above) && len(row) >= 4; at, row = at+4, row[step:] {
		up, now := binary.LittleEndian.Uint32(above[at:]), binary.LittleEndian.Uint32(row)
		left = meanLanes(left, spread(uint64(up)), spread(uint64(now)))
		binary.LittleEndian.PutUint32(place[at:], uint32(gather(left))|seal)
	}
}

const lanes = 0x00ff00ff00ff00ff

// spread gives the samples of the pixel in the lower half a lane each.
func spread(pixel uint64) uint64 { return (pixel&0xffffffff | pixel<<24) & lanes }

// gather undoes spread.
func gather(pixel uint64) uint64 { return uint64(uint32(pixel | pixel>>24)) }

// meanLanes adds to each sample the mean of the ones to the left and above. A
// lane of the mean has the lowest bit of the next sum in its highest, which no
// sum reaches.
func meanLanes(left, up, now uint64) uint64 { return ((left+up)>>1 + now) & lanes }

// unfilterPaeth3 keeps the left and the upper left pixel in registers; its
// three chains of sums are independent, so they run side by side.
func unfilterPaeth3(place, row, above []byte) {
	var left0, left1, left2, corner0, corner1, corner2 int
	for ; len(place) >= 4 && len(above) >= 4 && len(row) >= 4; place, above, row = place[4:], above[4:], row[3:] {
		up0, up1, up2 := int(above[0]), int(above[1]), int(above[2])
		left0 = int(row[0] + paeth(left0, up0, corner0))
		left1 = int(row[1] + paeth(left1, up1, corner1))
		left2 = int(row[2] + paeth(left2, up2, corner2))
		place[0], place[1], place[2], place[3] = byte(left0), byte(left1), byte(left2), 0xff
		corner0, corner1, corner2 = up0, up1, up2
	}
}

func unfilterPaeth4(place, row, above []byte) {
	var left0, left1, left2, left3, corner0, corner1, corner2, corner3 int
	for ; len(place) >= 4 && len(above) >= 4 && len(row) >= 4; place, above, row = place[4:], above[4:], row[4:] {
		up0, up1, up2, up3 := int(above[0]), int(above[1]), int(above[2]), int(above[3])
		left0 = int(row[0] + paeth(left0, up0, corner0))
		left1 = int(row[1] + paeth(left1, up1, corner1))
		left2 = int(row[2] + paeth(left2, up2, corner2))
		left3 = int(row[3] + paeth(left3, up3, corner3))
		place[0], place[1], place[2], place[3] = byte(left0), byte(left1), byte(left2), byte(left3)
		corner0, corner1, corner2, corner3 = up0, up1, up2, up3
	}
}

// paeth predicts a sample from its neighbours as section 9.4 says: the one
// that is nearest to left+up-corner, in that order when they are as near. That
// value is 3·corner-(left+up) away from where corner stands between the two,
// mirrored, which needs three comparisons and no absolute values.
func paeth(left, up, corner int) byte {
	turn := 3*corner - (left + up)
	least, most := min(left, up), max(left, up)
	best := corner
	if most <= turn {
		best = least
	}
	if turn <= least {
		best = most
	}
	return byte(best)
}
