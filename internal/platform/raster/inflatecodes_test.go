package raster

import (
	"bytes"
	"errors"
	"math/bits"
	"testing"
)

// bitWriter writes a deflate stream by hand (RFC 1951, section 3.1.1).
type bitWriter struct {
	out   []byte
	acc   uint64
	count int
}

// put writes a number of n bits, its lowest bit first.
func (w *bitWriter) put(value, n int) *bitWriter {
	w.acc |= uint64(value) << w.count
	for w.count += n; w.count >= 8; w.count -= 8 {
		w.out = append(w.out, byte(w.acc))
		w.acc >>= 8
	}
	return w
}

// code writes a code of n bits, its highest bit first.
func (w *bitWriter) code(value, n int) *bitWriter {
	return w.put(int(bits.Reverse16(uint16(value))>>(16-n)), n)
}

func (w *bitWriter) bytes() []byte {
	if w.count > 0 {
		w.put(0, 8-w.count)
	}
	return w.out
}

// dynamic starts a last block with these code lengths, none above 13: code
// lengths 0 to 13 and runs 18 have codes of four bits, 16 and 17 of five.
func dynamic(symbols, distances []int) *bitWriter {
	w := dynamicHead(len(symbols), len(distances))
	for _, length := range append(append([]int{}, symbols...), distances...) {
		w.code(length, 4)
	}
	return w
}

func dynamicHead(symbols, distances int) *bitWriter {
	w := new(bitWriter).put(1, 1).put(2, 2).put(symbols-257, 5).put(distances-1, 5).put(15, 4)
	for _, symbol := range lengthOrder {
		switch {
		case symbol < 14 || symbol == 18:
			w.put(4, 3)
		case symbol < 16:
			w.put(0, 3)
		default:
			w.put(5, 3)
		}
	}
	return w
}

// lengthsOf returns size lengths, all 0 but those of the pairs.
func lengthsOf(size int, pairs ...int) []int {
	lengths := make([]int, size)
	for i := 0; i < len(pairs); i += 2 {
		lengths[pairs[i]] = pairs[i+1]
	}
	return lengths
}

func fixed() *bitWriter { return new(bitWriter).put(1, 1).put(1, 2) }

// blocks are deflate streams and the error that each is, nil for those that
// unpack to want.
var blocks = []struct {
	name string
	body []byte
	want string
	err  error
}{
	{"stored", []byte{1, 3, 0, 0xfc, 0xff, 'r', 'y', 'e'}, "rye", nil},
	{"stored, empty, then another", []byte{0, 0, 0, 0xff, 0xff, 1, 1, 0, 0xfe, 0xff, 'a'}, "a", nil},
	{"fixed literals and a match", fixed().code('a'+0x30, 8).code(1, 7).code(0, 5).code(0, 7).bytes(), "aaaa", nil},
	{"fixed literal of nine bits", fixed().code(0x190+200-144, 9).code(0, 7).bytes(), "\xc8", nil},
	{"no distance code, none used", dynamic(lengthsOf(257, 'a', 1, 256, 1), []int{0}).code(0, 1).code(1, 1).bytes(), "a", nil},
	{
		"one distance code of one bit",
		dynamic(lengthsOf(258, 'a', 1, 256, 2, 257, 2), []int{1}).code(0, 1).code(3, 2).code(0, 1).code(2, 2).bytes(), "aaaa", nil,
	},
	{"end of block alone", dynamic(lengthsOf(257, 256, 1), []int{0}).code(0, 1).bytes(), "", nil},
	{
		"a run from the symbols into the distances",
		dynamicHead(257, 4).code(14, 4).put(127, 7).code(14, 4).put(255-138-11, 7).code(2, 4).code(30, 5).put(2, 2).
			code(0, 2).bytes(), "", errDeflate, // two symbols of two bits are incomplete
	},
	{
		"runs of zeros",
		dynamicHead(257, 4).code(14, 4).put(127, 7).code(14, 4).put(256-138-11, 7).code(1, 4).code(31, 5).put(1, 3).
			code(0, 1).bytes(), "", nil,
	},

	{"block type 3", new(bitWriter).put(1, 1).put(3, 2).bytes(), "", errDeflate},
	{"stored with another complement", []byte{1, 3, 0, 0xfc, 0xfe, 'r', 'y', 'e'}, "", errDeflate},
	{"stored, cut", []byte{1, 3, 0, 0xfc, 0xff, 'r', 'y'}, "", errTruncated},
	{"stored, cut in its head", []byte{1, 3, 0}, "", errTruncated},
	{"no last block", []byte{0, 0, 0, 0xff, 0xff}, "", errTruncated},
	{"fixed, cut", fixed().code('a'+0x30, 8).bytes(), "", errTruncated},
	{"distance before the start", fixed().code('a'+0x30, 8).code(1, 7).code(1, 5).code(0, 7).bytes(), "", errDeflate},
	{"distance symbol 30", fixed().code('a'+0x30, 8).code(1, 7).code(30, 5).code(0, 7).bytes(), "", errDeflate},
	{"length symbol 286", fixed().code('a'+0x30, 8).code(0xc6, 8).code(0, 5).code(0, 7).bytes(), "", errDeflate},
	{"287 symbols", dynamicHead(287, 1).bytes(), "", errDeflate},
	{"31 distances", dynamicHead(257, 31).bytes(), "", errDeflate},
	{"over-subscribed code lengths", new(bitWriter).put(5, 3).put(0, 14).put(0o1111, 12).bytes(), "", errDeflate},
	{"incomplete code lengths", new(bitWriter).put(5, 3).put(0, 14).put(0o2220, 12).put(0, 30).bytes(), "", errDeflate},
	{"no code lengths", new(bitWriter).put(5, 3).put(0, 14).put(0, 12).put(0, 16).bytes(), "", errDeflate},
	{"repeat of nothing", dynamicHead(257, 1).code(30, 5).put(0, 2).bytes(), "", errDeflate},
	{"run beyond the lengths", dynamicHead(257, 1).code(14, 4).put(127, 7).code(14, 4).put(127, 7).bytes(), "", errDeflate},
	{"lengths, cut", dynamicHead(257, 1).bytes(), "", errTruncated},
	{"over-subscribed symbols", dynamic(lengthsOf(257, 'a', 1, 'b', 1, 256, 1), []int{0}).bytes(), "", errDeflate},
	{"incomplete symbols", dynamic(lengthsOf(257, 'a', 2, 256, 2), []int{0}).bytes(), "", errDeflate},
	{"one symbol of two bits", dynamic(lengthsOf(257, 256, 2), []int{0}).bytes(), "", errDeflate},
	{"the other bit of one symbol", dynamic(lengthsOf(257, 256, 1), []int{0}).code(1, 1).bytes(), "", errDeflate},
	{"no symbols", dynamic(lengthsOf(257), []int{0}).put(0, 8).bytes(), "", errDeflate},
	{"no end of block", dynamic(lengthsOf(257, 'a', 1, 'b', 1), []int{0}).put(0, 16).bytes(), "", errSize},
	{"incomplete distances", dynamic(lengthsOf(257, 'a', 1, 256, 1), []int{2, 2, 2}).bytes(), "", errDeflate},
	{
		"distance of an empty code",
		dynamic(lengthsOf(258, 'a', 1, 256, 2, 257, 2), []int{0}).code(0, 1).code(3, 2).code(0, 1).code(2, 2).bytes(), "", errDeflate,
	},
}

func TestInflateJudgesBlocks(t *testing.T) {
	t.Parallel()
	for _, c := range blocks {
		out := make([]byte, len(c.want))
		if c.err != nil {
			out = make([]byte, 8)
		}
		err := inflate(out, framed(c.body), quiet)
		if !errors.Is(err, c.err) || c.err == nil && string(out) != c.want {
			t.Errorf("inflate(%s) = %q, %v, want %q, %v", c.name, out, err, c.want, c.err)
		}
		if !errors.Is(c.err, errDeflate) {
			continue
		}
		// Far from both ends, the fast loop must see it too.
		far := append(bytes.Clone(c.body), make([]byte, 100)...)
		if err := inflate(make([]byte, 4096), framed(far), quiet); !errors.Is(err, errDeflate) {
			t.Errorf("inflate(%s, in the midst) = %v, want %v", c.name, err, errDeflate)
		}
	}
}

func TestInflateJudgesTheFrame(t *testing.T) {
	t.Parallel()
	whole := framed(blocks[0].body)
	changed := func(at int, to ...byte) []byte {
		in := bytes.Clone(whole)
		copy(in[at:], to)
		return in
	}
	cases := []struct {
		name string
		in   []byte
		want error
	}{
		{"whole", whole, nil},
		{"nothing", nil, errTruncated},
		{"head alone", whole[:2], errTruncated},
		{"another method", changed(0, 0x77, 0x09), errZlib},
		{"window of 64 KiB", changed(0, 0x88, 0x1c), errZlib},
		{"wrong check bits", changed(1, 0x02), errZlib},
		{"preset dictionary", changed(0, 0x78, 0x20), errZlib},
		{"wrong checksum", changed(len(whole)-1, 0), errChecksum},
		{"checksum cut", whole[:len(whole)-1], errTruncated},
		{"byte behind", append(bytes.Clone(whole), 0), errZlib},
	}
	for _, c := range cases {
		if err := inflate(make([]byte, 3), c.in, quiet); !errors.Is(err, c.want) {
			t.Errorf("inflate(%s) = %v, want %v", c.name, err, c.want)
		}
	}
}

func TestInflateReadsTheLongestSubTables(t *testing.T) {
	t.Parallel()
	// 1, 2, ... 14, 15, 15: one code of every length, in the bits that
	// index both tables and beyond.
	lengths := make([]uint8, 16)
	for i := range lengths {
		lengths[i] = uint8(min(i+1, longestCode))
	}
	var z inflater
	if err := fillTable(z.distances[:], distanceBits, lengths, distanceMeaning); err != nil {
		t.Fatal(err)
	}
	for symbol, length := range lengths {
		code := uint64(1)<<symbol - 1 // so many ones, then a zero but for the last
		got := z.distances.find(code)
		if want := distanceMeaning(symbol) >> 16; got>>16 != want || got.size() != uint(length)+uint(max(symbol/2-1, 0)) {
			t.Errorf("find(%b) = %d in %d bits, want %d", code, got>>16, got.size(), want)
		}
	}
}
