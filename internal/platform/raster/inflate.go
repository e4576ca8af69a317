package raster

import (
	"encoding/binary"
	"errors"
)

// Why there is an inflate here: three quarters of the time that a plain PNG
// takes to decode went into inflating it through a reader. In the gate the
// whole file is in memory and the header says how many bytes must come out,
// so that input and output are slices of known length: bits are refilled
// eight bytes at a time, bytes are written once, to where they stay, and no
// window is kept. A photograph of 640 by 560 pixels is unpacked in a third of
// the time that compress/zlib takes (BenchmarkInflate).

// What is wrong with a zlib stream. No caller shows these: a file that the
// short way refuses goes to image/png, which words what is wrong with it.
var (
	errZlib     = errors.New("not a zlib stream")
	errDeflate  = errors.New("damaged deflate stream")
	errSize     = errors.New("deflate stream of another size")
	errChecksum = errors.New("wrong checksum of a zlib stream")
)

const (
	// fastInput is what the fast loop reads ahead at most: two refills.
	fastInput = 16
	// fastOutput is what it writes at most in one round: a literal for each
	// of 63 bits, then the longest match and two words.
	fastOutput = 63 + longestMatch + 16

	longestMatch = 258     // RFC 1951, section 3.2.5
	windowSize   = 1 << 15 // how far back a match may lie, same section
)

// inflater is the state of one stream. It is large for a stack frame and
// small for what it unpacks (17 KiB).
type inflater struct {
	in, out []byte
	// next and made are the bytes read of in and written of out.
	next, made int
	// bits holds the count unread bits that were read ahead, the first one
	// lowest. Above them it may hold bits of in[next:], which a refill sets
	// again to the same values.
	bits  uint64
	count uint

	symbols   symbolTable
	distances distanceTable
}

// inflate unpacks the zlib stream in (RFC 1950) to out, which it must fill
// exactly. A preset dictionary, bytes after the stream and all that
// compress/zlib calls damaged are errors; out then holds anything.
//
// After each block, told hears how many bytes there are. From then on, those
// more than windowSize before are not looked at again, and no other before
// these is written.
func inflate(out, in []byte, told func(made int)) error {
	const deflate, largestWindow, dictionary, trailer = 8, 7, 0x20, 4
	if len(in) < 2+trailer {
		return errTruncated
	}
	if in[0]&0xf != deflate || in[0]>>4 > largestWindow || in[1]&dictionary != 0 ||
		binary.BigEndian.Uint16(in)%31 != 0 { // RFC 1950, section 2.2
		return errZlib
	}
	end := len(in) - trailer
	z := inflater{in: in[2:end], out: out}
	sum := uint32(1)
	for last := false; !last; {
		before := z.made
		var err error
		if last, err = z.block(); err != nil {
			return err
		}
		sum = adler(sum, out[before:z.made])
		told(z.made)
	}
	z.align()
	switch {
	case z.made != len(out):
		return errSize
	case z.next != len(z.in):
		return errZlib
	case sum != binary.BigEndian.Uint32(in[end:]):
		return errChecksum
	}
	return nil
}

// block unpacks a block (RFC 1951, section 3.2.3) and says if it is the last.
func (z *inflater) block() (last bool, err error) {
	head, err := z.take(3)
	if err != nil {
		return false, err
	}
	switch head >> 1 {
	case 0:
		return head&1 != 0, z.stored()
	case 1:
		err = z.fixedCodes()
	case 2:
		err = z.readCodes()
	default:
		err = errDeflate
	}
	if err != nil {
		return false, err
	}
	ended, err := z.fast()
	if err == nil && !ended {
		err = z.careful()
	}
	return head&1 != 0, err
}

// stored copies a block that is not compressed (section 3.2.4).
func (z *inflater) stored() error {
	z.align()
	if len(z.in)-z.next < 4 {
		return errTruncated
	}
	length := binary.LittleEndian.Uint16(z.in[z.next:])
	if length != ^binary.LittleEndian.Uint16(z.in[z.next+2:]) {
		return errDeflate
	}
	z.next += 4
	n := int(length)
	if n > len(z.in)-z.next {
		return errTruncated
	}
	if n > len(z.out)-z.made {
		return errSize
	}
	copy(z.out[z.made:], z.in[z.next:z.next+n])
	z.next, z.made = z.next+n, z.made+n
	return nil
}

// align drops the bits up to the next byte and gives back whole bytes.
func (z *inflater) align() {
	z.next -= int(z.count / 8)
	z.bits, z.count = 0, 0
}

// refill reads ahead what is there, to at least 56 bits if it can.
func (z *inflater) refill() {
	for z.count < 56 && z.next < len(z.in) {
		z.bits |= uint64(z.in[z.next]) << z.count
		z.next++
		z.count += 8
	}
}

// drop moves past n bits that were looked at.
func (z *inflater) drop(n uint) error {
	if n > z.count {
		return errTruncated
	}
	z.bits >>= n
	z.count -= n
	return nil
}

// take reads n bits, 16 at most.
func (z *inflater) take(n uint) (int, error) {
	z.refill()
	value := z.bits & (1<<n - 1)
	return int(value), z.drop(n)
}

// careful unpacks the rest of a block, symbol by symbol: what is so near to
// the end of the input or of the output that the fast loop could cross it.
func (z *inflater) careful() error {
	for {
		z.refill()
		e := z.symbols.find(z.bits)
		value := e.value(z.bits)
		if e&invalid != 0 {
			return errDeflate
		}
		if err := z.drop(e.size()); err != nil {
			return err
		}
		if e&endOfBlock != 0 {
			return nil
		}
		if e&literal != 0 {
			// Of two, neither can be missing: the stream would end before
			// its block does.
			n := e.literals()
			if n > len(z.out)-z.made {
				return errSize
			}
			z.out[z.made] = byte(e >> 16)
			z.out[z.made+n-1] = byte(e >> (8 + 8*n))
			z.made += n
			continue
		}
		z.refill()
		d := z.distances.find(z.bits)
		distance := d.value(z.bits)
		if d&invalid != 0 {
			return errDeflate
		}
		if err := z.drop(d.size()); err != nil {
			return err
		}
		if distance > z.made {
			return errDeflate
		}
		if value > len(z.out)-z.made {
			return errSize
		}
		for range value { // a match may run into itself
			z.out[z.made] = z.out[z.made-distance]
			z.made++
		}
	}
}
