package nachet

import "hash/crc32"

// checksum is the CRC-32 of a text (RFC 1952, section 8) with its length, so
// that the sum of two texts in a row follows from theirs. Polynomials have
// their highest power in the lowest bit.
type checksum struct {
	crc  uint32
	size int64
}

// Write adds b to the text.
func (s *checksum) Write(b []byte) (int, error) {
	s.crc = crc32.Update(s.crc, crc32.IEEETable, b)
	s.size += int64(len(b))
	return len(b), nil
}

// shift returns x to the power of the text's length in bits: what moves the
// polynomial of a text that stands before this one.
func (s checksum) shift() uint32 {
	shift, power := uint32(1)<<31, uint32(1)<<23 // x^0 and x^8
	for n := s.size; n > 0; n >>= 1 {
		if n&1 == 1 {
			shift = times(power, shift)
		}
		power = times(power, power)
	}
	return shift
}

// then returns the sum of s followed by next, whose shift is given since it is
// worth keeping.
func (s checksum) then(next checksum, shift uint32) checksum {
	return checksum{times(s.crc, shift) ^ next.crc, s.size + next.size}
}

// times multiplies two polynomials modulo that of CRC-32.
func times(a, b uint32) uint32 {
	var product uint32
	for ; a != 0; a <<= 1 {
		if a>>31 == 1 {
			product ^= b
		}
		b = b>>1 ^ crc32.IEEE&-(b&1)
	}
	return product
}
