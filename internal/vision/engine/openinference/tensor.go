package openinference

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
)

// headerLength names how many bytes of a body are JSON when tensors follow in
// binary (binary tensor data extension).
const headerLength = "Inference-Header-Content-Length"

// tensor is one named array of an answer.
type tensor struct {
	shape  []int
	values []float64
}

// squeeze drops dimensions of 1 from the front until rank are left.
func (t tensor) squeeze(rank int) []int {
	shape := t.shape
	for len(shape) > rank && shape[0] == 1 {
		shape = shape[1:]
	}
	return shape
}

type wireTensor struct {
	Name       string          `json:"name"`
	Shape      []int           `json:"shape"`
	Datatype   string          `json:"datatype"`
	Parameters wireParameters  `json:"parameters"`
	Data       json.RawMessage `json:"data"`
}

type wireParameters struct {
	BinarySize *int `json:"binary_data_size"`
}

// parseAnswer reads the output tensors of an infer call. header is the value
// of headerLength, empty when everything is JSON.
func parseAnswer(body []byte, header string) (map[string]tensor, error) {
	text, rest := body, []byte(nil)
	if header != "" {
		n, err := strconv.Atoi(header)
		if err != nil || n < 0 || n > len(body) {
			return nil, errors.New("a wrong header length")
		}
		text, rest = body[:n], body[n:]
	}
	var answer struct {
		Outputs []wireTensor `json:"outputs"`
	}
	if err := json.Unmarshal(text, &answer); err != nil || len(answer.Outputs) == 0 {
		return nil, errors.New("no object with outputs")
	}
	out := make(map[string]tensor, len(answer.Outputs))
	for _, w := range answer.Outputs {
		var values []float64
		var err error
		if size := w.Parameters.BinarySize; size != nil {
			if *size < 0 || *size > len(rest) {
				return nil, fmt.Errorf("output %.60q beyond the end", w.Name)
			}
			values, err = decodeBinary(w.Datatype, rest[:*size])
			rest = rest[*size:]
		} else {
			values, err = decodeJSON(w.Data)
		}
		if err != nil {
			return nil, fmt.Errorf("output %.60q: %w", w.Name, err)
		}
		if !fills(w.Shape, len(values)) {
			return nil, fmt.Errorf("output %.60q with %d values for its shape %.10v", w.Name, len(values), w.Shape)
		}
		out[w.Name] = tensor{w.Shape, values}
	}
	return out, nil
}

// fills reports whether n values fill a shape, without overflowing.
func fills(shape []int, n int) bool {
	product := 1
	for _, d := range shape {
		if d < 0 || d > 0 && product > math.MaxInt32/d {
			return false
		}
		product *= d
	}
	return product == n
}

// decodeJSON reads numbers, flat or nested; booleans count as 0 and 1.
func decodeJSON(data json.RawMessage) ([]float64, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	var values []float64
	for {
		token, err := decoder.Token()
		if err != nil { // the end: the text was valid when the body was read
			return values, nil
		}
		switch v := token.(type) {
		case float64:
			values = append(values, v)
		case bool:
			values = append(values, boolean(v))
		case json.Delim:
			if v == '{' {
				return nil, errors.New("an object in place of numbers")
			}
		default:
			return nil, errors.New("text in place of numbers")
		}
	}
}

func boolean(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// decodeBinary reads a little-endian array.
func decodeBinary(datatype string, raw []byte) ([]float64, error) {
	size, read := reader(datatype)
	if read == nil {
		return nil, fmt.Errorf("the datatype %.20q is not supported", datatype)
	}
	if len(raw)%size != 0 {
		return nil, errors.New("a partial value")
	}
	values := make([]float64, len(raw)/size)
	for i := range values {
		values[i] = read(raw[i*size:])
	}
	return values, nil
}

// reader returns the size of a value of a datatype and how it is read.
func reader(datatype string) (size int, read func([]byte) float64) {
	le := binary.LittleEndian
	switch datatype {
	case "FP64":
		return 8, func(b []byte) float64 { return math.Float64frombits(le.Uint64(b)) }
	case "FP32":
		return 4, func(b []byte) float64 { return float64(math.Float32frombits(le.Uint32(b))) }
	case "FP16":
		return 2, func(b []byte) float64 { return half(le.Uint16(b)) }
	case "BF16":
		return 2, func(b []byte) float64 { return float64(math.Float32frombits(uint32(le.Uint16(b)) << 16)) }
	case "INT64":
		return 8, func(b []byte) float64 { return float64(int64(le.Uint64(b))) }
	case "INT32":
		return 4, func(b []byte) float64 { return float64(int32(le.Uint32(b))) }
	case "INT16":
		return 2, func(b []byte) float64 { return float64(int16(le.Uint16(b))) }
	case "INT8":
		return 1, func(b []byte) float64 { return float64(int8(b[0])) }
	case "UINT64":
		return 8, func(b []byte) float64 { return float64(le.Uint64(b)) }
	case "UINT32":
		return 4, func(b []byte) float64 { return float64(le.Uint32(b)) }
	case "UINT16":
		return 2, func(b []byte) float64 { return float64(le.Uint16(b)) }
	case "UINT8":
		return 1, func(b []byte) float64 { return float64(b[0]) }
	case "BOOL":
		return 1, func(b []byte) float64 { return boolean(b[0] != 0) }
	}
	return 0, nil
}

// half reads an IEEE 754 half-precision number.
func half(bits uint16) float64 {
	sign := 1 - 2*float64(bits>>15)
	exponent, fraction := int(bits>>10&0x1f), float64(bits&0x3ff)
	switch exponent {
	case 0:
		return sign * math.Ldexp(fraction, -24)
	case 31:
		if fraction == 0 {
			return math.Inf(int(sign))
		}
		return math.NaN()
	}
	return sign * math.Ldexp(1+fraction/1024, exponent-15)
}
