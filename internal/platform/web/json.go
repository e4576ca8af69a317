package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"granary/internal/platform/fault"
)

// UnmarshalJSON decodes data, which must be one JSON value and nothing else,
// under the caps above.
func UnmarshalJSON(data []byte, v any, strict bool) error {
	if len(bytes.TrimLeft(data, jsonSpace)) == 0 {
		return fault.New(fault.Invalid, "the body is empty, JSON expected")
	}
	if err := guardJSON(data); err != nil {
		return err
	}
	if !strict {
		// Unlike a Decoder, Unmarshal does not copy the data, which may be
		// a large picture in base64.
		if err := json.Unmarshal(data, v); err != nil {
			return jsonFault(err, len(data))
		}
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(v); err != nil {
		return jsonFault(err, len(data))
	}
	if rest := bytes.TrimLeft(data[decoder.InputOffset():], jsonSpace); len(rest) > 0 {
		return fault.New(fault.Invalid, "the body goes on after its JSON value")
	}
	return nil
}

const jsonSpace = " \t\r\n" // RFC 8259 §2

// jsonFault words an error of decoding size bytes for users.
func jsonFault(err error, size int) error {
	var syntax *json.SyntaxError
	var wrongType *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrongType):
		field := wrongType.Field
		if field == "" {
			field = "the body"
		}
		return fault.New(fault.Invalid, "%s must be %s, not %s", field, jsonName(wrongType), wrongType.Value)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fault.New(fault.Invalid, "the body is not JSON at byte %d, its end", size)
	case errors.As(err, &syntax) && syntax.Offset >= int64(size):
		return fault.New(fault.Invalid, "the body is not JSON at byte %d, its end", size)
	case errors.As(err, &syntax):
		return fault.New(fault.Invalid, "the body is not JSON at byte %d", syntax.Offset)
	}
	return fault.New(fault.Invalid, "%w", err)
}

// jsonName says what was wanted in the words of JSON.
func jsonName(e *json.UnmarshalTypeError) string {
	switch kind := e.Type.Kind().String(); kind {
	case "string":
		return "a string"
	case "bool":
		return "true or false"
	case "slice", "array":
		return "an array"
	case "struct", "map":
		return "an object"
	case "float32", "float64":
		return "a number"
	default:
		return "a whole number"
	}
}

// WriteJSON answers v as JSON without a trailing newline. A value that
// cannot be encoded is answered as an internal error in the door's shape.
func WriteJSON(w http.ResponseWriter, status int, v any) {
	var buf bytes.Buffer
	encoder := json.NewEncoder(&buf)
	encoder.SetEscapeHTML(false) // nosniff keeps browsers from reading it as HTML
	if err := encoder.Encode(v); err != nil {
		failWriter(w, fmt.Errorf("encode answer: %w", err))
		return
	}
	data := bytes.TrimSuffix(buf.Bytes(), []byte{'\n'})
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(data)))
	w.WriteHeader(status)
	_, _ = w.Write(data)
}

// failWriter finds the request behind w and answers err in its door's shape.
func failWriter(w http.ResponseWriter, err error) {
	for inner := w; inner != nil; {
		if t, ok := inner.(*tracker); ok {
			t.x.fail(w, t.request, err)
			return
		}
		u, ok := inner.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			break
		}
		inner = u.Unwrap()
	}
	http.Error(w, "internal error", http.StatusInternalServerError)
}
