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

// DecodeJSON reads the request body as one JSON value into v. With strict,
// an object field that v does not know is an error. Depth, lengths and data
// after the value are checked before anything is allocated for them. Errors
// are faults: Invalid, or TooLarge when the body or an array is.
func DecodeJSON(r *http.Request, v any, strict bool) error {
	data, err := readBody(r)
	if err != nil {
		return err
	}
	return UnmarshalJSON(data, v, strict)
}

// readBody reads the whole body, under DefaultMaxBody where no server capped
// it.
func readBody(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	reader := io.Reader(r.Body)
	if exchangeFrom(r.Context()) == nil {
		reader = http.MaxBytesReader(nil, r.Body, DefaultMaxBody)
	}
	// Growing by doubling would hold a large body twice, so the announced
	// length is reserved, but only once the client has sent a good piece.
	const proof = 256 << 10
	var buf bytes.Buffer
	_, err := buf.ReadFrom(io.LimitReader(reader, proof))
	if err == nil && buf.Len() == proof {
		if rest := r.ContentLength - proof; rest > 0 && rest <= DefaultMaxBody {
			buf.Grow(int(rest) + bytes.MinRead)
		}
		_, err = buf.ReadFrom(reader)
	}
	if err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return nil, tooLarge(large.Limit)
		}
		var f *fault.Error
		if errors.As(err, &f) {
			return nil, err
		}
		return nil, fault.New(fault.Invalid, "read request body: %w", err)
	}
	return buf.Bytes(), nil
}

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
