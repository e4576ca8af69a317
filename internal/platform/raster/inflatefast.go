package raster

import "encoding/binary"

// fast unpacks a block while input and output are so far from their ends that
// a round of the loop cannot reach them, and says if it came to the end of the
// block. Nearly all of a picture passes here.
//
// The code is one loop over local variables because the compiler keeps them in
// registers so. A refill leaves 56 bits or more. A literal of the first table
// takes symbolBits of them at most, so several pass between two refills; a
// length with its extra bits takes 20 and a distance 28 (RFC 1951, sections
// 3.2.5 and 3.2.7), so a match is one refill away at most.
func (z *inflater) fast() (ended bool, err error) {
	in, out, next, made := z.in, z.out, z.next, z.made
	bits, count := z.bits, z.count
	symbols, distances := &z.symbols, &z.distances
rounds:
	for next <= len(in)-fastInput && made <= len(out)-fastOutput {
		bits |= binary.LittleEndian.Uint64(in[next:]) << (count & 63)
		next += int((63 - count) >> 3)
		count |= 56

		e := symbols[bits&(1<<symbolBits-1)]
		for range 4 {
			if e&literal == 0 {
				break
			}
			binary.LittleEndian.PutUint16(out[made:], uint16(e>>16))
			made += e.literals()
			bits, count = bits>>e.size(), count-e.size()
			e = symbols[bits&(1<<symbolBits-1)]
		}
		if e&literal != 0 {
			binary.LittleEndian.PutUint16(out[made:], uint16(e>>16))
			made += e.literals()
			bits, count = bits>>e.size(), count-e.size()
			continue rounds
		}
		if count < 48 {
			bits |= binary.LittleEndian.Uint64(in[next:]) << (count & 63)
			next += int((63 - count) >> 3)
			count |= 56
		}
		if e&(subTable|endOfBlock|invalid) != 0 {
			if e&subTable != 0 {
				e = symbols[e.at(bits)]
			}
			if e&invalid != 0 {
				return false, errDeflate
			}
			if e&(literal|endOfBlock) != 0 {
				bits, count = bits>>e.size(), count-e.size()
				if e&literal != 0 {
					out[made] = byte(e >> 16)
					made++
					continue
				}
				ended = true
				break rounds
			}
		}
		length := e.value(bits)
		bits, count = bits>>e.size(), count-e.size()

		d := distances[bits&(1<<distanceBits-1)]
		if d&(subTable|invalid) != 0 {
			if d&subTable != 0 {
				d = distances[d.at(bits)]
			}
			if d&invalid != 0 {
				return false, errDeflate
			}
		}
		distance := d.value(bits)
		bits, count = bits>>d.size(), count-d.size()
		if distance > made {
			return false, errDeflate
		}
		if distance < 8 {
			repeat(out[made-distance:made+length+8], distance)
			made += length
			continue
		}
		// Most matches are short: two words are copied without a question.
		from, to := out[made-distance:made+longestMatch+8], out[made:made+longestMatch+8]
		binary.LittleEndian.PutUint64(to, binary.LittleEndian.Uint64(from))
		binary.LittleEndian.PutUint64(to[8:], binary.LittleEndian.Uint64(from[8:]))
		for i := 16; i < length; i += 8 {
			binary.LittleEndian.PutUint64(to[i:], binary.LittleEndian.Uint64(from[i:]))
		}
		made += length
	}
	z.next, z.made, z.bits, z.count = next, made, bits, count
	return ended, nil
}

// repeat copies a match that runs into itself within a word: span begins with
// the distance bytes that are copied, fewer than 8, and ends 8 bytes after the
// place where the last one goes. These 8 may be written.
func repeat(span []byte, distance int) {
	// A word of the pattern is written at every multiple of the distance that
	// the word before reaches.
	word := binary.LittleEndian.Uint64(span) & (1<<(8*distance&63) - 1)
	for filled := distance; filled < 8; filled *= 2 {
		word |= word << (8 * filled & 63)
	}
	step := 8 / distance * distance
	for to := span[distance:]; len(to) > 8; to = to[step:] {
		binary.LittleEndian.PutUint64(to, word)
	}
}
