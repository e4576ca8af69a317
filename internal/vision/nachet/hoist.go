package nachet

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"granary/internal/platform/web"
)

// A picture travels as one JSON string of megabytes. The standard decoder
// would walk it twice byte by byte and copy it; hoist takes it out first,
// leaving a short stand-in, so that decoding costs what the rest costs. Only
// what is called image is taken: any other field would keep the stand-in.

// imageKey is the name of the fields that carry a picture.
const imageKey = `"image"`

// longString is from how many bytes on a string literal is hoisted.
const longString = 4 << 10

const standIn = "\uf8ffhoisted:"

// hoisted is the text of a field that may have been hoisted: a JSON string.
type hoisted struct{ text []byte }

// hoist returns body without the long string literals of its images, and
// those literals (quotes left out) in order. It does not validate: what it returns goes
// through the JSON decoder.
func hoist(body []byte) (short []byte, long [][]byte) {
	short = make([]byte, 0, min(len(body), 2*longString))
	for len(body) > 0 {
		open := bytes.IndexByte(body, '"')
		if open < 0 {
			return append(short, body...), long
		}
		short = append(short, body[:open]...)
		body = body[open:]
		end := stringEnd(body)
		if end < 0 { // not closed: let the decoder complain
			return append(short, body[:min(len(body), longString)]...), long
		}
		if literal := body[1:end]; len(literal) >= longString && namesImage(short) {
			short = append(short, '"')
			short = append(short, standIn...)
			short = strconv.AppendInt(short, int64(len(long)), 10)
			short = append(short, '"')
			long = append(long, literal)
		} else {
			short = append(short, body[:end+1]...)
		}
		body = body[end+1:]
	}
	return short, long
}

// namesImage reports whether before ends with the key of an image.
func namesImage(before []byte) bool {
	const space = " \t\r\n"
	key, ok := bytes.CutSuffix(bytes.TrimRight(before, space), []byte{':'})
	return ok && bytes.HasSuffix(bytes.TrimRight(key, space), []byte(imageKey))
}

// stringEnd returns the index of the quote that closes the literal at the
// start of b, or -1.
func stringEnd(b []byte) int {
	for i := 1; ; {
		n := bytes.IndexByte(b[i:], '"')
		if n < 0 {
			return -1
		}
		i += n
		slashes := 0
		for b[i-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return i
		}
		i++
	}
}

// decodeBody decodes a JSON object whose long strings may be hoisted into v,
// which must call resolve on its hoisted fields.
func decodeBody(body []byte, v any) ([][]byte, error) {
	short, long := hoist(body)
	// Unknown fields are fine here; depth and lengths are capped.
	if err := web.UnmarshalJSON(short, v, false); err != nil {
		return nil, err
	}
	return long, nil
}

// UnmarshalJSON keeps the literal, decoded, without looking at what it names.
func (h *hoisted) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	var s string
	if err := json.Unmarshal(data, &s); err != nil {
		return err
	}
	h.text = []byte(s)
	return nil
}

// resolve replaces a stand-in by what it stands for.
func (h *hoisted) resolve(long [][]byte) error {
	number, ok := strings.CutPrefix(string(h.text[:min(len(h.text), 40)]), standIn)
	if !ok || len(h.text) > 40 {
		return nil
	}
	i, err := strconv.Atoi(number)
	if err != nil || i < 0 || i >= len(long) {
		return errors.New("no such text")
	}
	h.text = long[i]
	if bytes.IndexByte(h.text, '\\') < 0 {
		return nil
	}
	quoted := make([]byte, 0, len(h.text)+2)
	quoted = append(append(append(quoted, '"'), h.text...), '"')
	var s string
	if err := json.Unmarshal(quoted, &s); err != nil {
		return err
	}
	h.text = []byte(s)
	return nil
}
