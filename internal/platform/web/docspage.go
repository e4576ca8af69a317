package web

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// docsPage is what the documentation template shows of a document.
type docsPage struct {
	Title, Version, JSON string
	Doors                []string
	Groups               []docsGroup
	Schemas              []docsSchema
}

type docsGroup struct {
	Door       string
	Operations []docsOperation
}

type docsOperation struct {
	ID, Method, Path, Summary, Description, Access, Scope string
	AlsoAt                                                []string
	Params                                                []docsField
	Bodies                                                []docsBody
}

// docsBody is a request or response body of one media type.
type docsBody struct {
	Title, MediaType string
	Type             docsType
	Fields           []docsField
	Example          string
}

type docsSchema struct {
	Name   string
	Fields []docsField
}

type docsField struct {
	Name, In, Summary string
	Required          bool
	Type              docsType
}

// docsType is a type in words, with a link when it is a named schema.
type docsType struct{ Text, Link string }

// newDocsPage reads the document as its JSON says it, so that page and
// document cannot disagree.
func newDocsPage(d *document, jsonPath string, doors []string) (*docsPage, error) {
	p := &docsPage{Title: d.title, Version: d.version, JSON: jsonPath, Doors: doors}
	data, err := d.json()
	if err != nil {
		return nil, err
	}
	var doc struct {
		Paths      map[string]map[string]map[string]any `json:"paths"`
		Components struct {
			Schemas map[string]map[string]any `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("read own document: %w", err)
	}
	schemas := doc.Components.Schemas
	groups := map[string]*docsGroup{}
	for _, path := range slices.Sorted(maps.Keys(doc.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(doc.Paths[path])) {
			op := doc.Paths[path][method]
			door := "other"
			if tags, _ := op["tags"].([]any); len(tags) > 0 {
				door = text(tags[0])
			}
			if groups[door] == nil {
				groups[door] = &docsGroup{Door: door}
			}
			groups[door].Operations = append(groups[door].Operations, newDocsOperation(method, path, op, schemas))
		}
	}
	for _, door := range d.tags {
		if g := groups[door]; g != nil {
			p.Groups = append(p.Groups, *g)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(schemas)) {
		p.Schemas = append(p.Schemas, docsSchema{Name: name, Fields: fieldsOf(schemas[name])})
	}
	return p, nil
}

func newDocsOperation(method, path string, op map[string]any, schemas map[string]map[string]any) docsOperation {
	o := docsOperation{
		ID: text(op["operationId"]), Method: strings.ToUpper(method), Path: path, Summary: text(op["summary"]),
		Description: text(op["description"]), Access: strings.ReplaceAll(text(op["x-access"]), "_", " "), Scope: text(op["x-scope"]),
	}
	servers, _ := op["servers"].([]any)
	for _, s := range servers {
		if prefix := strings.TrimSuffix(text(object(s)["url"]), "/"); prefix != "" {
			o.AlsoAt = append(o.AlsoAt, prefix+path)
		}
	}
	params, _ := op["parameters"].([]any)
	for _, raw := range params {
		param := object(raw)
		required, _ := param["required"].(bool)
		o.Params = append(o.Params, docsField{
			Name: text(param["name"]), In: text(param["in"]), Summary: text(param["description"]),
			Required: required, Type: typeOf(object(param["schema"])),
		})
	}
	o.Bodies = bodiesOf("Request", object(op["requestBody"]), schemas)
	responses := object(op["responses"])
	for _, status := range slices.Sorted(maps.Keys(responses)) {
		title := "Answer " + status
		if status == "default" {
			title = "Errors"
		}
		o.Bodies = append(o.Bodies, bodiesOf(title, object(responses[status]), schemas)...)
	}
	return o
}

func bodiesOf(title string, body map[string]any, schemas map[string]map[string]any) []docsBody {
	content := object(body["content"])
	var bodies []docsBody
	for _, mediaType := range slices.Sorted(maps.Keys(content)) {
		media := object(content[mediaType])
		schema := object(media["schema"])
		b := docsBody{Title: title, MediaType: mediaType, Type: typeOf(schema), Fields: fieldsOf(schema)}
		example := media["example"]
		if example == nil && len(schema) > 0 && title != "Errors" {
			example = exampleOf(schema, schemas, 0)
		}
		if example != nil {
			if pretty, err := json.MarshalIndent(example, "", "  "); err == nil {
				b.Example = string(pretty)
			}
		}
		bodies = append(bodies, b)
	}
	return bodies
}

// fieldsOf lists the properties of an object schema.
func fieldsOf(schema map[string]any) []docsField {
	properties := object(schema["properties"])
	required, _ := schema["required"].([]any)
	fields := make([]docsField, 0, len(properties))
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		property := object(properties[name])
		fields = append(fields, docsField{
			Name: name, Summary: text(property["description"]), Type: typeOf(property),
			Required: slices.Contains(required, any(name)),
		})
	}
	return fields
}

// typeOf says a schema's type in words.
func typeOf(schema map[string]any) docsType {
	if ref := text(schema["$ref"]); ref != "" {
		name := ref[strings.LastIndexByte(ref, '/')+1:]
		return docsType{Text: name, Link: "#schema-" + name}
	}
	var words []string
	switch t := schema["type"].(type) {
	case string:
		words = append(words, t)
	case []any:
		for _, one := range t {
			words = append(words, text(one))
		}
	}
	kind := strings.Join(words, " or ")
	if items := object(schema["items"]); len(items) > 0 {
		inner := typeOf(items)
		return docsType{Text: kind + " of " + inner.Text, Link: inner.Link}
	}
	if values, _ := schema["enum"].([]any); len(values) > 0 {
		options := make([]string, len(values))
		for i, v := range values {
			options[i] = fmt.Sprint(v)
		}
		return docsType{Text: kind + ": " + strings.Join(options, ", ")}
	}
	if format := text(schema["format"]); format != "" {
		kind += " (" + format + ")"
	}
	return docsType{Text: kind}
}

// exampleDepth bounds examples of schemas that refer to themselves.
const exampleDepth = 6

// exampleOf makes a value that a schema describes, from its own examples
// where it has any.
func exampleOf(schema map[string]any, schemas map[string]map[string]any, depth int) any {
	if depth > exampleDepth {
		return nil
	}
	if ref := text(schema["$ref"]); ref != "" {
		return exampleOf(schemas[ref[strings.LastIndexByte(ref, '/')+1:]], schemas, depth+1)
	}
	if examples, _ := schema["examples"].([]any); len(examples) > 0 {
		return examples[0]
	}
	for _, key := range []string{"example", "default", "const"} {
		if v := schema[key]; v != nil {
			return v
		}
	}
	if values, _ := schema["enum"].([]any); len(values) > 0 {
		return values[0]
	}
	kind := text(schema["type"])
	if options, _ := schema["type"].([]any); len(options) > 0 {
		kind = text(options[0])
	}
	switch kind {
	case "object":
		value := map[string]any{}
		for name, property := range object(schema["properties"]) {
			value[name] = exampleOf(object(property), schemas, depth+1)
		}
		return value
	case "array":
		return []any{exampleOf(object(schema["items"]), schemas, depth+1)}
	case "integer", "number":
		return 0
	case "boolean":
		return false
	case "string":
		switch text(schema["format"]) {
		case "date-time":
			return "2026-01-31T12:00:00Z"
		case "uuid":
			return "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"
		case "email":
			return "name@example.org"
		}
		return "text"
	}
	return nil
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

func object(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}
