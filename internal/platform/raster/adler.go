package raster

import "encoding/binary"

// adler continues the checksum of RFC 1950, section 8.2, which begins with 1,
// as hash/adler32 does in half the time: bytes are summed in 16-bit lanes of a
// word.
//
// A block is blockWords words long. Of the byte at position 8k+j of it, which
// weighs blockSize-8k-j in the second sum, its lane takes the byte and its
// weighted lane the byte times blockWords-k. The latter is the one that
// could overflow its lane: 255 × 22 × 23 / 2 is 64515.
func adler(sum uint32, data []byte) uint32 {
	const (
		modulus    = 65521
		blockWords = 22
		blockSize  = 8 * blockWords
		lanes      = 0x00ff00ff00ff00ff
	)
	first, second := uint64(sum&0xffff), uint64(sum>>16)
	for len(data) >= blockSize {
		var even, odd, evenWeighted, oddWeighted uint64
		for block := data[:blockSize]; len(block) >= 16; block = block[16:] { // two words a round
			word := binary.LittleEndian.Uint64(block)
			even += word & lanes
			odd += word >> 8 & lanes
			evenWeighted += even
			oddWeighted += odd
			word = binary.LittleEndian.Uint64(block[8:])
			even += word & lanes
			odd += word >> 8 & lanes
			evenWeighted += even
			oddWeighted += odd
		}
		second += blockSize * first
		for lane := range uint64(4) {
			atEven, atOdd := even>>(16*lane)&0xffff, odd>>(16*lane)&0xffff
			first += atEven + atOdd
			second += 8*(evenWeighted>>(16*lane)&0xffff+oddWeighted>>(16*lane)&0xffff) - 2*lane*atEven - (2*lane+1)*atOdd
		}
		first %= modulus
		second %= modulus
		data = data[blockSize:]
	}
	for _, b := range data {
		first += uint64(b)
		second += first
	}
	return uint32(second%modulus)<<16 | uint32(first%modulus)
}
