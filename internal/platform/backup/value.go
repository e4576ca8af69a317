package backup

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Kind is a column type that both engines have.
type Kind string

// The kinds. A native column keeps PostgreSQL's text form and its type, and can
// only be restored there.
const (
	Text    Kind = "text"
	Integer Kind = "integer"
	Float   Kind = "float"
	Boolean Kind = "boolean"
	Time    Kind = "time"
	Native  Kind = "native"
)

// Column is one column of a dumped table.
type Column struct {
	Name string `json:"name"`
	Kind Kind   `json:"kind"`
	// Type is the PostgreSQL type of a native column.
	Type string `json:"type,omitempty"`
}

// sqliteKind reads a declared type of SQLite.
func sqliteKind(declared string) (Kind, bool) {
	switch strings.ToUpper(declared) {
	case "TEXT":
		return Text, true
	case "BIGINT", "INTEGER", "INT", "SMALLINT":
		return Integer, true
	case "DOUBLE PRECISION", "REAL":
		return Float, true
	case "BOOLEAN":
		return Boolean, true
	case "TIMESTAMPTZ", "TIMESTAMP":
		return Time, true
	default:
		return "", false
	}
}

// postgresKind reads what format_type says.
func postgresKind(formatted string) Kind {
	switch formatted {
	case "text", "character varying":
		return Text
	case "bigint", "integer", "smallint":
		return Integer
	case "double precision":
		return Float
	case "boolean":
		return Boolean
	case "timestamp with time zone":
		return Time
	default:
		return Native
	}
}

// encode turns what a driver gave into a value that JSON keeps exactly. What
// would be changed silently is an error: a backup must not be nearly right.
func (c Column) encode(v any) (any, error) {
	if b, ok := v.([]byte); ok && c.Kind != Native {
		v = string(b)
	}
	switch x := v.(type) {
	case nil:
		return nil, nil
	case string:
		switch c.Kind {
		case Text, Native:
			if utf8.ValidString(x) {
				return x, nil
			}
		case Time:
			t, err := parseTime(x)
			if err == nil {
				return t.UTC().Format(time.RFC3339Nano), nil
			}
		}
	case int64:
		switch c.Kind {
		case Integer:
			return x, nil
		case Float: // SQLite stores a whole number so
			return float64(x), nil
		case Boolean:
			if x == 0 || x == 1 {
				return x == 1, nil
			}
		}
	case float64:
		if c.Kind == Float {
			if math.IsNaN(x) || math.IsInf(x, 0) {
				return strconv.FormatFloat(x, 'g', -1, 64), nil // JSON has no such number
			}
			return x, nil
		}
	case bool:
		if c.Kind == Boolean {
			return x, nil
		}
	case time.Time:
		if c.Kind == Time {
			return x.UTC().Format(time.RFC3339Nano), nil
		}
	}
	return nil, fmt.Errorf("column %s of kind %s holds a %T that does not fit", c.Name, c.Kind, v)
}

// timeForms are how bun, SQLite and the driver write a time into a text column.
var timeForms = [...]string{
	"2006-01-02 15:04:05.999999999-07:00", time.RFC3339Nano,
	"2006-01-02 15:04:05.999999999", "2006-01-02 15:04:05.999999999 -0700 MST",
}

func parseTime(s string) (time.Time, error) {
	var err error
	for _, form := range timeForms {
		var t time.Time
		if t, err = time.Parse(form, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, err
}

// decode is the inverse of encode, with numbers as json.Number.
func (c Column) decode(v any) (any, error) {
	switch x := v.(type) {
	case nil:
		return nil, nil
	case bool:
		if c.Kind == Boolean {
			return x, nil
		}
	case json.Number:
		switch c.Kind {
		case Integer:
			if n, err := strconv.ParseInt(string(x), 10, 64); err == nil {
				return n, nil
			}
		case Float:
			if f, err := strconv.ParseFloat(string(x), 64); err == nil {
				return f, nil
			}
		}
	case string:
		switch c.Kind {
		case Text, Native:
			return x, nil
		case Time:
			if t, err := time.Parse(time.RFC3339Nano, x); err == nil {
				return t, nil
			}
		case Float:
			if f, err := strconv.ParseFloat(x, 64); err == nil {
				return f, nil
			}
		}
	}
	return nil, fmt.Errorf("column %s holds a value that is no %s", c.Name, c.Kind)
}
