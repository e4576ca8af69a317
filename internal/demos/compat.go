package demos

import (
	"encoding/json"
	"fmt"
)

// Compat says which generation of front ends an output is shaped for, where
// one answer does not serve all. The zero value serves the newer ones and
// whatever older ones can be served at the same time.
type Compat struct {
	// PlainResults drops from the items of results_url what only the first
	// generation reads: the document's uid as a member of its own.
	PlainResults bool
	// NoAnnotations drops the inline annotations, which only the first
	// generation reads and which may be long.
	NoAnnotations bool
	// OlderVectorization answers vectorization as the first generation reads
	// it: the documents' uids with their addresses as members.
	OlderVectorization bool
}

// shape returns an output as the configured front ends read it. What is not
// of the expected shape stays as it is.
func (c Compat) shape(app string, output json.RawMessage) (json.RawMessage, error) {
	if c == (Compat{}) {
		return output, nil
	}
	object, err := parseMembers(output)
	if err != nil {
		return output, nil //nolint:nilerr // an app may answer another value
	}
	if c.NoAnnotations {
		object = object.without("annotations")
	}
	results := object.get("results_url")
	var items []json.RawMessage
	if results == nil || json.Unmarshal(results, &items) != nil {
		return object.encode(), nil
	}
	switch {
	case c.OlderVectorization && app == "vectorization":
		return olderVectorization(object, items)
	case c.PlainResults:
		for i, item := range items {
			if items[i], err = plainResult(item); err != nil {
				return nil, err
			}
		}
		list, err := json.Marshal(items)
		if err != nil {
			return nil, fmt.Errorf("encode results: %w", err)
		}
		for i := range object {
			if object[i].name == "results_url" {
				object[i].value = list
			}
		}
	}
	return object.encode(), nil
}

// plainResult keeps the members of an item that newer front ends know.
func plainResult(item json.RawMessage) (json.RawMessage, error) {
	all, err := parseMembers(item)
	if err != nil {
		return nil, err
	}
	var kept members
	for _, one := range all {
		switch one.name {
		case "doc_id", "doc_pair", "result_url":
			kept = append(kept, one)
		}
	}
	return kept.encode(), nil
}

func olderVectorization(object members, items []json.RawMessage) (json.RawMessage, error) {
	var older members
	for _, item := range items {
		var result struct {
			DocID string          `json:"doc_id"`
			URL   json.RawMessage `json:"result_url"`
		}
		if err := json.Unmarshal(item, &result); err != nil {
			return nil, fmt.Errorf("read results: %w", err)
		}
		older = append(older, member{result.DocID, result.URL})
	}
	problems := object.get("error")
	if problems == nil {
		problems = json.RawMessage("[]")
	}
	return append(older, member{"error", problems}).encode(), nil
}
