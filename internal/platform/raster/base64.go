package raster

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"sync"
)

// Pictures travel as megabytes of base64 (RFC 4648, section 4), in from the
// client and out to the models. encoding/base64 looks up every character and
// puts it in its place; here a look-up also places it, or gives two. The last
// characters, and all that are not of the alphabet, are the standard library's.

// notDigit marks a character that is not of the alphabet.
const notDigit = 1 << 31

// digits turns the first, second, third and fourth character of a group to
// their bits of its 24, or to notDigit.
var digits = sync.OnceValue(func() *[4][256]uint32 {
	var table [4][256]uint32
	for i := range table {
		for c := range table[i] {
			table[i][c] = notDigit
		}
	}
	for value, text := range textPairs() {
		for i := range table {
			table[i][text>>8] = uint32(value&63) << (18 - 6*i)
		}
	}
	return &table
})

// textPairs turns 12 bits to two characters, the first one lowest.
var textPairs = sync.OnceValue(func() *[1 << 12]uint16 {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	var table [1 << 12]uint16
	for value := range table {
		table[value] = uint16(alphabet[value>>6]) | uint16(alphabet[value&63])<<8
	}
	return &table
})

// Base64Reader yields data as padded standard base64. A picture is turned to
// text while it is sent, so that the text is never in memory.
type Base64Reader struct {
	data []byte
	rest []byte // text that the last buffer had no room for
	last [4]byte
}

// NewBase64Reader returns a reader of Base64Size(len(data)) bytes. data must
// not be changed before they are read.
func NewBase64Reader(data []byte) *Base64Reader { return &Base64Reader{data: data} }

// Base64Size returns how many characters n bytes become.
func Base64Size(n int) int { return base64.StdEncoding.EncodedLen(n) }

// Read fills p as far as there is text. Errors: io.EOF.
func (r *Base64Reader) Read(p []byte) (int, error) {
	if len(r.rest) == 0 && len(r.data) == 0 {
		return 0, io.EOF
	}
	made := copy(p, r.rest)
	r.rest = r.rest[made:]
	if n := min((len(p)-made)/4*3, len(r.data)); n > 0 {
		text := appendBase64(p[:made], r.data[:n])
		made, r.data = len(text), r.data[n:]
	}
	if made < len(p) && len(r.data) > 0 {
		n := min(3, len(r.data))
		r.rest, r.data = appendBase64(r.last[:0], r.data[:n]), r.data[n:]
		n = copy(p[made:], r.rest)
		made, r.rest = made+n, r.rest[n:]
	}
	return made, nil
}

// appendBase64 appends data as padded standard base64 to text.
func appendBase64(text, data []byte) []byte {
	pairs := textPairs()
	made, read := len(text), 0
	text = slices.Grow(text, base64.StdEncoding.EncodedLen(len(data)))
	text = text[:made+base64.StdEncoding.EncodedLen(len(data))]
	// Of each word that is read, 6 bytes are used.
	for ; made+16 <= len(text) && read+14 <= len(data); made, read = made+16, read+12 {
		from, to := data[read:read+14], text[made:made+16]
		bits := binary.BigEndian.Uint64(from)
		binary.LittleEndian.PutUint64(to, uint64(pairs[bits>>52])|uint64(pairs[bits>>40&0xfff])<<16|
			uint64(pairs[bits>>28&0xfff])<<32|uint64(pairs[bits>>16&0xfff])<<48)
		bits = binary.BigEndian.Uint64(from[6:])
		binary.LittleEndian.PutUint64(to[8:], uint64(pairs[bits>>52])|uint64(pairs[bits>>40&0xfff])<<16|
			uint64(pairs[bits>>28&0xfff])<<32|uint64(pairs[bits>>16&0xfff])<<48)
	}
	base64.StdEncoding.Encode(text[made:], data[read:])
	return text
}

// decodeBase64 decodes padded standard base64 in place, as encoding/base64
// does: line breaks are skipped, anything else is an error.
func decodeBase64(text []byte) ([]byte, error) {
	table := digits()
	made, read := 0, 0
	// A round writes 6 bytes and 2 that the next one writes over, none of them
	// behind the 8 that it read.
	for ; read+8 <= len(text); made, read = made+6, read+8 {
		from := text[read : read+8]
		first := table[0][from[0]] | table[1][from[1]] | table[2][from[2]] | table[3][from[3]]
		second := table[0][from[4]] | table[1][from[5]] | table[2][from[6]] | table[3][from[7]]
		if (first|second)&notDigit != 0 {
			break
		}
		binary.BigEndian.PutUint64(text[made:], uint64(first)<<40|uint64(second)<<16)
	}
	n, err := base64.StdEncoding.Decode(text[made:], text[read:])
	var corrupt base64.CorruptInputError
	if errors.As(err, &corrupt) {
		err = corrupt + base64.CorruptInputError(read)
	}
	return text[:made+n], err
}
