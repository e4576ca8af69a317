package pipeline

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"

	"granary/internal/platform/fault"
)

const (
	// maxFileBytes bounds a pipeline file; real ones have a few kilobytes.
	maxFileBytes = 1 << 20
	// maxDepth and maxNodes bound what aliases may unfold to.
	maxDepth = 64
	maxNodes = 100_000
)

// document reads one JSON or YAML document into JSON text, so that both forms
// take the same strict path afterwards. Scalars keep the words of the file:
// an unquoted date stays text.
func document(data []byte) (json.RawMessage, error) {
	if len(data) > maxFileBytes {
		return nil, fault.New(fault.TooLarge, "the pipeline file has more than %d bytes", maxFileBytes)
	}
	if trimmed := bytes.TrimSpace(data); len(trimmed) > 0 && trimmed[0] == '{' && json.Valid(trimmed) {
		return trimmed, nil
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var root yaml.Node
	if err := decoder.Decode(&root); err != nil {
		return nil, fault.New(fault.Invalid, "the pipeline file is neither JSON nor YAML: %w", err)
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, fault.New(fault.Invalid, "the pipeline file has more than one document")
	}
	budget := maxNodes
	value, err := plain(&root, maxDepth, &budget)
	if err != nil {
		return nil, fault.New(fault.Invalid, "the pipeline file: %w", err)
	}
	text, err := json.Marshal(value)
	if err != nil {
		return nil, fault.New(fault.Invalid, "the pipeline file: %w", err)
	}
	return text, nil
}

// plain turns a node into what encoding/json can write.
func plain(n *yaml.Node, depth int, budget *int) (any, error) {
	if *budget--; *budget < 0 || depth < 0 {
		return nil, errors.New("it is nested too deeply or unfolds to too much")
	}
	switch n.Kind {
	case yaml.DocumentNode:
		return plain(n.Content[0], depth, budget)
	case yaml.AliasNode:
		return plain(n.Alias, depth-1, budget)
	case yaml.SequenceNode:
		list := make([]any, 0, len(n.Content))
		for _, c := range n.Content {
			v, err := plain(c, depth-1, budget)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	case yaml.MappingNode:
		object := make(map[string]any, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			if key.Kind != yaml.ScalarNode || key.Tag == "!!merge" {
				return nil, fmt.Errorf("line %d: only plain keys are supported", key.Line)
			}
			if _, twice := object[key.Value]; twice {
				return nil, fmt.Errorf("line %d: %.40q is there twice", key.Line, key.Value)
			}
			v, err := plain(n.Content[i+1], depth-1, budget)
			if err != nil {
				return nil, err
			}
			object[key.Value] = v
		}
		return object, nil
	}
	return scalar(n)
}

func scalar(n *yaml.Node) (any, error) {
	switch n.Tag {
	case "!!int", "!!float", "!!bool", "!!null":
		var v any
		if err := n.Decode(&v); err != nil {
			return nil, fmt.Errorf("line %d: %w", n.Line, err)
		}
		return v, nil
	}
	return n.Value, nil
}

// strict decodes a value that may have no unknown field and nothing behind it.
func strict(text []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return fault.New(fault.Invalid, "the pipeline file: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return fault.New(fault.Invalid, "the pipeline file has text behind its end")
	}
	return nil
}
