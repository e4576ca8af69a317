package raster

import "encoding/binary"

// placeRows undoes the filters of the rows of a picture (PNG, third edition,
// section 9.2) and puts each where it stays, stride bytes of pix. rows holds
// a filter byte and count bytes for each, step bytes a pixel, and one byte
// more. Rows of three samples a pixel become four, the last one opaque.
//
// rows may end, but for that byte, where pix ends or beyond: the rows are
// placed in order, and no sample is written over before it has been read.
func placeRows(pix, rows []byte, stride, count, step int) error {
	above := make([]byte, stride)
	for len(pix) > 0 {
		filter, row, place := rows[0], rows[1:2+count], pix[:stride:stride]
		if filter > 4 {
			return errUnusual
		}
		if step == 1 {
			copy(place, row)
			unfilterGray(filter, place, above)
		} else {
			unfilterPixels(filter, place, row, above, step)
		}
		above, pix, rows = place, pix[stride:], rows[1+count:]
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
		for i, j := 0, 0; i+4 <= len(place); i, j = i+4, j+step {
			now, up := binary.LittleEndian.Uint32(row[j:]), binary.LittleEndian.Uint32(above[i:])
			mean := left&up + (left^up)>>1&low
			left = (now&low + mean&low) ^ (now^mean)&high
			binary.LittleEndian.PutUint32(place[i:], left|seal)
		}
	case 4:
		if step == 3 {
			unfilterPaeth3(place, row, above)
		} else {
			unfilterPaeth4(place, row, above)
		}
	}
}

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
