package dataset

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"unicode"
)

// Sanitise turns an address or a name that a client chose into a uid: without
// the scheme, "www.", dots, colons, per cent signs and white space, and with
// "^" for "/". Clients compute the same, so the result is part of the wire
// format.
func Sanitise(s string) string {
	s = strings.TrimSpace(s)
	if rest, ok := strings.CutPrefix(s, "http://"); ok {
		s = rest
	} else {
		s = strings.TrimPrefix(s, "https://")
	}
	s = strings.ReplaceAll(s, "www.", "")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '/':
			return '^'
		case r == '.', r == ':', r == '%', unicode.IsSpace(r):
			return -1
		}
		return r
	}, s)
}

// BaseUID names the set of documents, whatever is cut out of them: the SHA-256
// of all sources in order, in hex.
func BaseUID(documents []Document) string {
	hash := sha256.New()
	for _, d := range documents {
		hash.Write([]byte(d.Src))
	}
	return hex.EncodeToString(hash.Sum(nil))
}

// CropsUID names a list of crops: the SHA-256 of its JSON without white space,
// in hex; empty for none. Text that is no JSON is hashed as it is.
func CropsUID(crops json.RawMessage) string {
	if noCrops(crops) {
		return ""
	}
	var compact bytes.Buffer
	compact.Grow(len(crops)) // lists may be long
	if json.Compact(&compact, crops) == nil {
		crops = compact.Bytes()
	}
	sum := sha256.Sum256(crops)
	return hex.EncodeToString(sum[:])
}

// noCrops reports whether a client gave no crops: nothing, null or an empty list.
func noCrops(crops json.RawMessage) bool {
	text := bytes.TrimSpace(crops)
	if inner, ok := bytes.CutPrefix(text, []byte("[")); ok {
		return string(bytes.TrimSpace(inner)) == "]" // white space within
	}
	return len(text) == 0 || string(text) == "null"
}
