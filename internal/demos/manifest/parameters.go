package manifest

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Parameter is one parameter of a start request.
type Parameter struct {
	Name string `yaml:"-"`
	// Type is string, integer, number, boolean, list, object or any.
	Type string `yaml:"type"`
	// Default is taken where the request gives none; nil leaves it null.
	Default any `yaml:"default"`
	// Required refuses a request without it.
	Required bool `yaml:"required"`
	// Enum bounds a string, or the elements of a list.
	Enum []string `yaml:"enum"`
	// Min and Max bound a number; Max bounds the length of a list.
	Min *float64 `yaml:"min"`
	Max *float64 `yaml:"max"`
	// Stem drops a file extension such as .pt from the value.
	Stem bool `yaml:"stem"`
	// Desc is for people.
	Desc string `yaml:"desc"`
}

// Parameters are the parameters of one endpoint, in the file's order.
type Parameters []Parameter

// UnmarshalYAML reads the mapping from name to parameter and keeps its order.
func (p *Parameters) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind != yaml.MappingNode {
		return errors.New("parameters: want a mapping from name to parameter")
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		parameter := Parameter{Name: node.Content[i].Value}
		if err := node.Content[i+1].Decode(&parameter); err != nil {
			return fmt.Errorf("parameter %s: %w", parameter.Name, err)
		}
		*p = append(*p, parameter)
	}
	return nil
}

func (p Parameters) check() []error {
	var errs []error
	seen := map[string]bool{}
	for _, parameter := range p {
		switch {
		case !nameGrammar.MatchString(parameter.Name):
			errs = append(errs, fmt.Errorf("parameter %q: want snake_case", parameter.Name))
		case seen[parameter.Name]:
			errs = append(errs, fmt.Errorf("parameter %s is there twice", parameter.Name))
		case !slices.Contains([]string{"string", "integer", "number", "boolean", "list", "object", "any"}, parameter.Type):
			errs = append(errs, fmt.Errorf("parameter %s: type %q is not known", parameter.Name, parameter.Type))
		case parameter.Default != nil:
			if _, err := parameter.convert(parameter.Default); err != nil {
				errs = append(errs, fmt.Errorf("parameter %s: default: %w", parameter.Name, err))
			}
		}
		seen[parameter.Name] = true
	}
	return errs
}

// maxList bounds a list parameter without a maximum of its own.
const maxList = 100_000

// Values checks what a request gave and fills in the defaults. Names that the
// contract does not know are left out: front ends send fields of theirs. Form
// values arrive as text and are read as the parameter's type; null and empty
// text count as not given.
func (p Parameters) Values(given map[string]json.RawMessage) (map[string]any, error) {
	values := make(map[string]any, len(p))
	for _, parameter := range p {
		value := parameter.Default
		if raw, ok := given[parameter.Name]; ok {
			var sent any
			decoder := json.NewDecoder(strings.NewReader(string(raw)))
			decoder.UseNumber()
			if err := decoder.Decode(&sent); err != nil {
				return nil, fmt.Errorf("parameter %s: %w", parameter.Name, err)
			}
			if sent != nil && (sent != "" || parameter.Type == "string" && parameter.Default == nil) {
				value = sent
			}
		}
		if value == nil {
			if parameter.Required {
				return nil, fmt.Errorf("parameter %s is missing", parameter.Name)
			}
			values[parameter.Name] = nil
			continue
		}
		converted, err := parameter.convert(value)
		if err != nil {
			return nil, fmt.Errorf("parameter %s: %w", parameter.Name, err)
		}
		values[parameter.Name] = converted
	}
	return values, nil
}

// convert reads value as the parameter's type.
func (p Parameter) convert(value any) (any, error) {
	switch p.Type {
	case "integer", "number":
		return p.number(value)
	case "boolean":
		return boolean(value)
	case "string":
		text, ok := value.(string)
		if n, isNumber := value.(json.Number); isNumber {
			text, ok = n.String(), true
		}
		if !ok {
			return nil, fmt.Errorf("want a text, got %s", describe(value))
		}
		if p.Stem {
			for _, extension := range []string{".pth", ".pt", ".onnx"} {
				text = strings.TrimSuffix(text, extension)
			}
		}
		return text, p.listed(text)
	case "list":
		return p.list(value)
	case "object":
		if text, ok := value.(string); ok { // an object may travel as JSON text
			var object map[string]any
			if err := json.Unmarshal([]byte(text), &object); err != nil {
				return nil, fmt.Errorf("want an object: %w", err)
			}
			return object, nil
		}
		if object, ok := value.(map[string]any); ok {
			return object, nil
		}
		return nil, fmt.Errorf("want an object, got %s", describe(value))
	default:
		return value, nil
	}
}

func (p Parameter) number(value any) (any, error) {
	var f float64
	var err error
	switch v := value.(type) {
	case json.Number:
		f, err = v.Float64()
	case string:
		f, err = strconv.ParseFloat(strings.TrimSpace(v), 64)
	case int:
		f = float64(v)
	case float64:
		f = v
	default:
		return nil, fmt.Errorf("want a number, got %s", describe(value))
	}
	switch {
	case err != nil || math.IsNaN(f) || math.IsInf(f, 0):
		return nil, fmt.Errorf("want a number, got %q", fmt.Sprint(value))
	case p.Min != nil && f < *p.Min:
		return nil, fmt.Errorf("%v is less than %v", f, *p.Min)
	case p.Max != nil && f > *p.Max:
		return nil, fmt.Errorf("%v is more than %v", f, *p.Max)
	case p.Type == "number":
		return f, nil
	case f != math.Trunc(f) || math.Abs(f) > 1<<53:
		return nil, fmt.Errorf("want a whole number, got %v", f)
	}
	return int64(f), nil
}

func (p Parameter) list(value any) (any, error) {
	if text, ok := value.(string); ok {
		var items []any
		if json.Unmarshal([]byte(text), &items) != nil {
			items = nil
			for item := range strings.SplitSeq(text, ",") {
				items = append(items, strings.TrimSpace(item))
			}
		}
		value = items
	}
	items, ok := value.([]any)
	if !ok {
		return nil, fmt.Errorf("want a list, got %s", describe(value))
	}
	longest := maxList
	if p.Max != nil {
		longest = int(*p.Max)
	}
	if len(items) > longest {
		return nil, fmt.Errorf("%d entries are more than %d", len(items), longest)
	}
	for _, item := range items {
		text, isText := item.(string)
		if len(p.Enum) > 0 && !isText {
			return nil, fmt.Errorf("want a list of texts, got %s in it", describe(item))
		}
		if err := p.listed(text); err != nil {
			return nil, err
		}
	}
	return items, nil
}

func (p Parameter) listed(text string) error {
	if len(p.Enum) > 0 && !slices.Contains(p.Enum, text) {
		return fmt.Errorf("%q is not one of %s", text, strings.Join(p.Enum, ", "))
	}
	return nil
}

func boolean(value any) (any, error) {
	switch v := value.(type) {
	case bool:
		return v, nil
	case string:
		switch strings.ToLower(strings.TrimSpace(v)) {
		case "true", "1", "on", "yes":
			return true, nil
		case "false", "0", "off", "no":
			return false, nil
		}
	case json.Number:
		return v.String() != "0", nil
	}
	return nil, fmt.Errorf("want true or false, got %q", fmt.Sprint(value))
}

func describe(value any) string {
	switch value.(type) {
	case string:
		return "a text"
	case bool:
		return "true or false"
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	case nil:
		return "nothing"
	default:
		return "a number"
	}
}
