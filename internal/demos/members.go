package demos

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// members is a JSON object whose order is kept: some clients read the first
// member of one.
type members []member

type member struct {
	name  string
	value json.RawMessage
}

// parseMembers reads an object.
func parseMembers(text json.RawMessage) (members, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	if opening, err := decoder.Token(); err != nil || opening != json.Delim('{') {
		return nil, errors.Join(errors.New("not a JSON object"), err)
	}
	var all members
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, fmt.Errorf("read object: %w", err)
		}
		text, ok := name.(string)
		if !ok {
			return nil, errors.New("not a JSON object")
		}
		m := member{name: text}
		if err := decoder.Decode(&m.value); err != nil {
			return nil, fmt.Errorf("read object: %w", err)
		}
		all = append(all, m)
	}
	return all, nil
}

// get returns the value of a member, nil when there is none.
func (m members) get(name string) json.RawMessage {
	for _, one := range m {
		if one.name == name {
			return one.value
		}
	}
	return nil
}

// without returns the others.
func (m members) without(name string) members {
	return slices.DeleteFunc(slices.Clone(m), func(one member) bool { return one.name == name })
}

// encode writes the object in order.
func (m members) encode() json.RawMessage {
	var out bytes.Buffer
	for i, one := range m {
		separator := ","
		if i == 0 {
			separator = "{"
		}
		fmt.Fprintf(&out, "%s%s:%s", separator, quoted(one.name), one.value)
	}
	if len(m) == 0 {
		out.WriteByte('{')
	}
	out.WriteByte('}')
	return out.Bytes()
}

// quoted is a text as JSON.
func quoted(text string) json.RawMessage {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(text); err != nil {
		panic(err) // a text and a buffer cannot fail
	}
	return bytes.TrimSpace(out.Bytes())
}
