package nachetimport

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
)

// document is a JSON value of a row, read leniently: what is absent or of
// another type counts as not there.
type document map[string]any

// parseDocument reads a JSON object. Anything else, the empty list that the
// original leaves behind included, gives an empty document and false.
func parseDocument(text string) (document, bool) {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return document{}, false
	}
	object, ok := value.(map[string]any)
	if !ok {
		return document{}, false
	}
	return object, true
}

func (d document) text(key string) string {
	s, _ := d[key].(string)
	return strings.ToValidUTF8(s, "")
}

// object returns a nested object, empty where there is none.
func (d document) object(key string) document {
	nested, _ := d[key].(map[string]any)
	return nested
}

// number reads a finite number, also one written as text.
func (d document) number(key string) (float64, bool) {
	var text string
	switch v := d[key].(type) {
	case json.Number:
		text = v.String()
	case string:
		text = strings.TrimSpace(v)
	default:
		return 0, false
	}
	f, err := strconv.ParseFloat(text, 64)
	return f, err == nil && !math.IsInf(f, 0) && !math.IsNaN(f)
}

// count reads a whole number that is not negative.
func (d document) count(key string) (int64, bool) {
	f, ok := d.number(key)
	if !ok || f < 0 || f > 1<<53 || f != math.Trunc(f) {
		return 0, false
	}
	return int64(f), true
}

func (d document) boolean(key string) bool {
	b, _ := d[key].(bool)
	return b
}

// colour returns the colour of a box as JSON in one of the two forms that
// clients know, "#ED1C24" or [237,28,36].
func (d document) colour(key string) (string, bool) {
	switch v := d[key].(type) {
	case string:
		if len(v) == 7 && v[0] == '#' && strings.Trim(v[1:], "0123456789abcdefABCDEF") == "" {
			return strconv.Quote(v), true
		}
	case []any:
		if text, err := wholeNumbers(v); err == nil && len(v) == 3 {
			return text, true
		}
	}
	return "", false
}

// indices returns a list of whole numbers as JSON.
func (d document) indices(key string) (string, bool) {
	list, ok := d[key].([]any)
	if !ok {
		return "[]", false
	}
	text, err := wholeNumbers(list)
	if err != nil {
		return "[]", false
	}
	return text, true
}

var errNumbers = errors.New("not a list of whole numbers")

func wholeNumbers(list []any) (string, error) {
	var b bytes.Buffer
	b.WriteByte('[')
	for i, item := range list {
		number, ok := item.(json.Number)
		if !ok {
			return "", errNumbers
		}
		n, err := number.Int64()
		if err != nil {
			return "", errNumbers
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatInt(n, 10))
	}
	b.WriteByte(']')
	return b.String(), nil
}
