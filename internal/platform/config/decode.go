package config

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Bytes is a size. In configuration it is a number of bytes or a number with
// one of the units KiB, MiB, GiB (powers of 1024) or kB, MB, GB (of 1000).
type Bytes int64

var units = []struct {
	name string
	size int64
}{
	{"KiB", 1 << 10},
	{"MiB", 1 << 20},
	{"GiB", 1 << 30},
	{"kB", 1e3},
	{"MB", 1e6},
	{"GB", 1e9},
	{"B", 1},
}

// ParseBytes reads a size.
func ParseBytes(text string) (Bytes, error) {
	number, unit := strings.TrimSpace(text), int64(1)
	for _, u := range units {
		if rest, ok := strings.CutSuffix(number, u.name); ok {
			number, unit = strings.TrimSpace(rest), u.size
			break
		}
	}
	value, err := strconv.ParseFloat(number, 64)
	size := value * float64(unit)
	if err != nil || size < 0 || size >= math.MaxInt64 || math.IsNaN(size) || size != math.Trunc(size) {
		return 0, fmt.Errorf("%q is not a size such as 16MiB", text)
	}
	return Bytes(size), nil
}

// String writes the size in the largest binary unit that divides it.
func (b Bytes) String() string {
	for _, u := range []int{2, 1, 0} {
		if size := units[u].size; b != 0 && int64(b)%size == 0 {
			return strconv.FormatInt(int64(b)/size, 10) + units[u].name
		}
	}
	return strconv.FormatInt(int64(b), 10)
}

// decode stores a value from any source in a field. A source that only knows
// text (environment, flags, defaults) gives strings; YAML gives typed values.
func decode(into reflect.Value, value any) error {
	text, isText := value.(string)
	switch into.Interface().(type) {
	case time.Duration:
		d, err := time.ParseDuration(strings.TrimSpace(text))
		if !isText || err != nil {
			return fmt.Errorf("%v is not a duration such as 30s or 12h", quoted(value))
		}
		into.SetInt(int64(d))
		return nil
	case Bytes:
		size, err := ParseBytes(fmt.Sprint(value))
		if err != nil {
			return err
		}
		into.SetInt(int64(size))
		return nil
	case []Listener:
		return decodeListeners(into, value)
	case []string:
		return decodeList(into, value)
	}
	switch into.Kind() {
	case reflect.String:
		if !isText {
			switch value.(type) {
			case int, float64, bool: // an unquoted YAML scalar, such as a numeric version
				text = fmt.Sprint(value)
			default:
				return fmt.Errorf("%v is not text", quoted(value))
			}
		}
		into.SetString(text)
	case reflect.Bool:
		b, err := strconv.ParseBool(fmt.Sprint(value))
		if err != nil {
			return fmt.Errorf("%v is not true or false", quoted(value))
		}
		into.SetBool(b)
	case reflect.Int, reflect.Int64:
		n, err := number(value)
		if err != nil || n != math.Trunc(n) || math.Abs(n) > 1<<53 {
			return fmt.Errorf("%v is not a whole number", quoted(value))
		}
		into.SetInt(int64(n))
	case reflect.Float64:
		n, err := number(value)
		if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
			return fmt.Errorf("%v is not a number", quoted(value))
		}
		into.SetFloat(n)
	default:
		return fmt.Errorf("fields of type %s cannot be configured", into.Type())
	}
	return nil
}

func number(value any) (float64, error) {
	switch v := value.(type) {
	case int:
		return float64(v), nil
	case float64:
		return v, nil
	case string:
		return strconv.ParseFloat(strings.TrimSpace(v), 64)
	}
	return 0, errors.New("not a number")
}

// decodeList reads a YAML list, or text with commas between the items.
func decodeList(into reflect.Value, value any) error {
	var items []string
	switch v := value.(type) {
	case string:
		for item := range strings.SplitSeq(v, ",") {
			if item = strings.TrimSpace(item); item != "" {
				items = append(items, item)
			}
		}
	case []any:
		for _, item := range v {
			text, ok := item.(string)
			if !ok {
				return fmt.Errorf("%v in the list is not text", quoted(item))
			}
			items = append(items, text)
		}
	default:
		return fmt.Errorf("%v is not a list", quoted(value))
	}
	into.Set(reflect.ValueOf(items))
	return nil
}

// decodeListeners reads a YAML list; the environment gives it as YAML (or
// JSON) text.
func decodeListeners(into reflect.Value, value any) error {
	text, ok := value.(string)
	if !ok {
		raw, err := yaml.Marshal(value)
		if err != nil {
			return fmt.Errorf("not a list of listeners: %w", err)
		}
		text = string(raw)
	}
	decoder := yaml.NewDecoder(strings.NewReader(text))
	decoder.KnownFields(true)
	var listeners []Listener
	if err := decoder.Decode(&listeners); err != nil && strings.TrimSpace(text) != "" {
		return fmt.Errorf("not a list of listeners: %s", yamlDetail(err))
	}
	into.Set(reflect.ValueOf(listeners))
	return nil
}

// yamlDetail drops what a reader cannot use: the library's prefix, line
// numbers of re-encoded text, Go type names.
func yamlDetail(err error) string {
	var typeError *yaml.TypeError
	if !errors.As(err, &typeError) {
		return strings.TrimPrefix(err.Error(), "yaml: ")
	}
	details := make([]string, 0, len(typeError.Errors))
	for _, detail := range typeError.Errors {
		if _, after, ok := strings.Cut(detail, ": "); ok {
			detail = after
		}
		detail, _, _ = strings.Cut(detail, " in type ")
		detail, _, _ = strings.Cut(detail, " into ")
		details = append(details, detail)
	}
	return strings.Join(details, ", ")
}

func quoted(value any) string {
	switch v := value.(type) {
	case string:
		return strconv.Quote(v)
	case map[string]any:
		return "a section"
	case []any:
		return "a list"
	}
	return fmt.Sprint(value)
}
