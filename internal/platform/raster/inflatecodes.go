package raster

// Lengths and distances of a match: what the first of their symbols stands
// for and how many extra bits follow it (RFC 1951, section 3.2.5).
var (
	lengthBase = [29]uint16{
		3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
	}
	lengthExtra = [29]uint8{
		0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
	}
	distanceBase = [30]uint16{
		1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769,
		1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577,
	}
)

// lengthOrder is the order in which a block lists the lengths of the codes of
// code lengths (section 3.2.7).
var lengthOrder = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

const (
	endSymbol    = 256
	mostSymbols  = 286 // of the 288 that the fixed code has
	mostDistance = 30  // of the 32
)

// symbolMeaning returns the entry of a literal or length symbol.
func symbolMeaning(symbol int) entry {
	switch {
	case symbol < endSymbol:
		return oneLiteral | entry(symbol)<<16
	case symbol == endSymbol:
		return endOfBlock
	case symbol < mostSymbols:
		n := symbol - endSymbol - 1
		return entry(lengthBase[n])<<16 + entry(lengthExtra[n])
	}
	return invalid
}

func distanceMeaning(symbol int) entry {
	if symbol >= mostDistance {
		return invalid
	}
	return entry(distanceBase[symbol])<<16 + entry(max(symbol/2-1, 0))
}

// fixedCodes makes the tables of a block without its own (section 3.2.6).
func (z *inflater) fixedCodes() error {
	var lengths [288]uint8
	for symbol := range lengths {
		switch {
		case symbol < 144:
			lengths[symbol] = 8
		case symbol < 256:
			lengths[symbol] = 9
		case symbol < 280:
			lengths[symbol] = 7
		default:
			lengths[symbol] = 8
		}
	}
	if err := fillTable(z.symbols[:], symbolBits, lengths[:], symbolMeaning); err != nil {
		return err
	}
	z.symbols.pair()
	for symbol := range 32 {
		lengths[symbol] = 5
	}
	return fillTable(z.distances[:], distanceBits, lengths[:32], distanceMeaning)
}

// readCodes makes the tables that a block brings (section 3.2.7).
func (z *inflater) readCodes() error {
	head, err := z.take(14)
	if err != nil {
		return err
	}
	symbols, distances, listed := 257+head&31, 1+head>>5&31, 4+head>>10
	if symbols > mostSymbols || distances > mostDistance {
		return errDeflate
	}
	var ofLengths [19]uint8
	for _, symbol := range lengthOrder[:listed] {
		length, err := z.take(3)
		if err != nil {
			return err
		}
		ofLengths[symbol] = uint8(length)
	}
	var table lengthTable
	if err := fillTable(table[:], lengthBits, ofLengths[:], func(symbol int) entry { return entry(symbol) << 16 }); err != nil {
		return err
	}
	var lengths [mostSymbols + mostDistance]uint8
	if err := z.readLengths(lengths[:symbols+distances], &table); err != nil {
		return err
	}
	if err := fillTable(z.symbols[:], symbolBits, lengths[:symbols], symbolMeaning); err != nil {
		return err
	}
	z.symbols.pair()
	return fillTable(z.distances[:], distanceBits, lengths[symbols:symbols+distances], distanceMeaning)
}

// readLengths reads the lengths of both codes, which are one list: a run may
// go from the first into the second.
func (z *inflater) readLengths(lengths []uint8, table *lengthTable) error {
	for at := 0; at < len(lengths); {
		z.refill()
		e := table[z.bits&(1<<lengthBits-1)]
		if e&invalid != 0 {
			return errDeflate
		}
		if err := z.drop(e.size()); err != nil {
			return err
		}
		symbol := int(e >> 16)
		if symbol <= longestCode {
			lengths[at] = uint8(symbol)
			at++
			continue
		}
		length, least, extra := uint8(0), 3, uint(3)
		switch symbol {
		case 16:
			if at == 0 {
				return errDeflate
			}
			length, extra = lengths[at-1], 2
		case 18:
			least, extra = 11, 7
		}
		more, err := z.take(extra)
		if err != nil {
			return err
		}
		run := least + more
		if run > len(lengths)-at {
			return errDeflate
		}
		for range run {
			lengths[at] = length
			at++
		}
	}
	return nil
}
