package raster

import "math/bits"

const (
	longestCode = 15 // RFC 1951, section 3.2.7

	// The bits that index the first tables, and the entries of these and of
	// their sub-tables. A sub-table of 2^k entries holds k+1 symbols or more,
	// and k is what codes can be longer than the first table's: 286 symbols
	// need 286/5 × 16 entries at most, 30 need 30/6 × 32.
	symbolBits, symbolEntries     = 11, 1<<11 + 915
	distanceBits, distanceEntries = 10, 1<<10 + 160
	lengthBits, lengthEntries     = 7, 1 << 7 // no code length has more bits
)

// entry is what the next bits of the stream mean.
//
//	 0- 5  bits that it takes, extra bits included
//	 6- 7  of literals: how many
//	 8-11  bits of the code alone; of a sub-table: the bits that index it
//	12-15  flags
//	16-31  one literal or two, the least length or distance, or a symbol;
//	       of a sub-table: its first entry
type entry uint32

const (
	invalid    entry = 1 << 12 // no symbol has this code, or none may
	endOfBlock entry = 1 << 13
	subTable   entry = 1 << 14
	literal    entry = 1 << 15
	oneLiteral       = literal | 1<<6
)

type (
	symbolTable   [symbolEntries]entry
	distanceTable [distanceEntries]entry
	lengthTable   [lengthEntries]entry
)

func (e entry) size() uint { return uint(e & 63) }

// literals returns how many bytes a literal entry stands for.
func (e entry) literals() int { return int(e >> 6 & 3) }

// value returns a length or a distance, whose extra bits follow its code.
func (e entry) value(bits uint64) int {
	return int(e>>16) + int(bits&(1<<(e&63)-1)>>(e>>8&15))
}

// at returns the place of the entry that e, which stands for a sub-table,
// leads to.
func (e entry) at(bits uint64) int {
	return int(e>>16) + int(bits>>(e&63)&(1<<(e>>8&15)-1))
}

func (t *symbolTable) find(bits uint64) entry {
	e := t[bits&(1<<symbolBits-1)]
	if e&subTable != 0 {
		e = t[e.at(bits)]
	}
	return e
}

// pair joins literals that follow each other within the bits of the first
// table: filtered pixels are mostly short literals, and each look into the
// table waits for the one before.
func (t *symbolTable) pair() {
	for i := 1<<symbolBits - 1; i >= 0; i-- { // the second one is further down and still single
		e := t[i]
		if e&literal == 0 {
			continue
		}
		if next := t[i>>e.size()]; next&literal != 0 && e.size()+next.size() <= symbolBits {
			t[i] = (e&0xff0000 | next&0xff0000<<8 | literal | 2<<6) + entry(e.size()+next.size())
		}
	}
}

func (t *distanceTable) find(bits uint64) entry {
	e := t[bits&(1<<distanceBits-1)]
	if e&subTable != 0 {
		e = t[e.at(bits)]
	}
	return e
}

// fillTable makes the canonical code of these lengths (RFC 1951, section
// 3.2.2) into a table whose first part is indexed by width bits. meaning gives
// the symbols' entries, their sizes without the code. Codes are judged as
// compress/flate does: each must be complete, except for one without symbols,
// all of whose bits are invalid, and one of a single symbol of one bit, of
// which only 0 is valid.
func fillTable(table []entry, width int, lengths []uint8, meaning func(symbol int) entry) error {
	var counts, starts [longestCode + 2]int
	for _, length := range lengths {
		counts[length]++
	}
	used := len(lengths) - counts[0]
	counts[0] = 0
	space := 0 // taken, in codes of the longest length
	for length := 1; length <= longestCode; length++ {
		starts[length+1] = starts[length] + counts[length]
		space += counts[length] << (longestCode - length)
	}
	if space != 1<<longestCode {
		if used > 1 || used == 1 && counts[1] != 1 {
			return errDeflate
		}
		for i := range table[:1<<width] {
			table[i] = invalid
		}
	}
	var sorted [288]uint16 // by length, then by symbol
	for symbol, length := range lengths {
		if length != 0 {
			sorted[starts[length]] = uint16(symbol)
			starts[length]++
		}
	}
	if used <= 1 {
		for i := 0; i < used<<width; i += 2 {
			table[i] = meaning(int(sorted[0])) + 1 + 1<<8
		}
		return nil
	}
	b := tableBuilder{table: table, width: width, counts: counts, free: 1 << width, prefix: -1}
	place, code := 0, 0
	for length := 1; length <= longestCode; length++ {
		code <<= 1
		if length <= width && length > 1 {
			// The first bits are the lowest: what is there so far holds for
			// either value of the bit that is added.
			copy(table[1<<(length-1):1<<length], table[:1<<(length-1)])
		}
		for range counts[length] {
			reversed := int(bits.Reverse16(uint16(code)) >> (16 - length))
			b.put(reversed, length, meaning(int(sorted[place]))+entry(length)+entry(length)<<8)
			code++
			place++
		}
	}
	return nil
}

// tableBuilder places codes, the shortest first.
type tableBuilder struct {
	table  []entry
	width  int
	counts [longestCode + 2]int // of codes that are not placed yet
	free   int                  // the first entry that no sub-table has taken
	prefix int                  // of the last sub-table
	first  int                  // its first entry
	index  int                  // the bits that index it
}

func (b *tableBuilder) put(reversed, length int, e entry) {
	if length <= b.width {
		b.table[reversed] = e
		return
	}
	if prefix := reversed & (1<<b.width - 1); prefix != b.prefix {
		// It must hold the longest code with this prefix: codes follow by
		// length and fill it, so it is counted how many bits that takes.
		b.index = length - b.width
		for space := b.counts[length]; space < 1<<b.index && b.index+b.width < longestCode; {
			b.index++
			space = space<<1 + b.counts[b.width+b.index]
		}
		b.prefix, b.first = prefix, b.free
		b.free += 1 << b.index
		b.table[prefix] = subTable | entry(b.first)<<16 | entry(b.index)<<8 | entry(b.width)
	}
	b.counts[length]--
	for i := reversed >> b.width; i < 1<<b.index; i += 1 << (length - b.width) {
		b.table[b.first+i] = e
	}
}
