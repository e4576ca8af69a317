package web

import (
	"bytes"

	"granary/internal/platform/fault"
)

// The caps on one JSON body.
const (
	MaxJSONDepth  = 64        // nested arrays and objects
	MaxJSONLength = 1_000_000 // elements of one array, members of one object
)

// guardJSON checks depth and lengths in one pass without allocation. It does
// not judge the syntax: the decoder does.
func guardJSON(data []byte) error {
	var counts [MaxJSONDepth + 1]int // by depth
	depth := 0
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '"':
			end := skipString(data[i+1:])
			if end < 0 {
				return nil // unterminated: the decoder says so
			}
			i += end + 1
		case '[', '{':
			if depth == MaxJSONDepth {
				return fault.New(fault.Invalid, "the JSON is nested more than %d deep", MaxJSONDepth)
			}
			depth++
			counts[depth] = 0
		case ']', '}':
			if depth == 0 {
				return nil // unbalanced: the decoder says so
			}
			depth--
		case ',':
			// n commas part n+1 elements.
			if counts[depth]++; counts[depth] >= MaxJSONLength {
				return fault.New(fault.TooLarge, "a JSON array or object has more than %d elements", MaxJSONLength)
			}
		}
	}
	return nil
}

// skipString returns the index of the quote that ends the string which data
// starts in, or -1.
func skipString(data []byte) int {
	at := 0
	for {
		quote := bytes.IndexByte(data[at:], '"')
		if quote < 0 {
			return -1
		}
		quote += at
		escapes := 0
		for escapes < quote && data[quote-1-escapes] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			return quote
		}
		at = quote + 1
	}
}
