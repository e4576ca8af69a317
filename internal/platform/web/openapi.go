package web

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// document is an OpenAPI 3.1 description as JSON values.
type document struct {
	title   string
	version string
	paths   map[string]map[string]any
	schemas map[string]any
	tags    []string
	known   map[huma.API]bool // whose schemas are in schemas
}

func newDocument(title, version string) *document {
	return &document{
		title: title, version: version,
		paths: map[string]map[string]any{}, schemas: map[string]any{}, known: map[huma.API]bool{},
	}
}

// json renders the document.
func (d *document) json() ([]byte, error) {
	schemas := maps.Clone(d.schemas)
	// huma registers its own error type beside the one that is served.
	delete(schemas, "ErrorModel")
	delete(schemas, "ErrorDetail")
	tags := make([]map[string]any, 0, len(d.tags))
	for _, t := range d.tags {
		tags = append(tags, map[string]any{"name": t})
	}
	return json.Marshal(map[string]any{
		"openapi":    "3.1.0",
		"info":       map[string]any{"title": d.title, "version": d.version},
		"paths":      d.paths,
		"tags":       tags,
		"components": map[string]any{"schemas": schemas, "securitySchemes": securitySchemes()},
	})
}

func securitySchemes() map[string]any {
	return map[string]any{
		"bearer":  map[string]any{"type": "http", "scheme": "bearer", "description": "An API token."},
		"session": map[string]any{"type": "apiKey", "in": "cookie", "name": "granary_session", "description": "The cookie of a signed-in browser."},
	}
}

// add describes the routes of one door as they are served. Where a door
// answers at the root and under prefixes, the path is listed once with the
// prefixes as servers.
func (d *document) add(door string, table []Served) error {
	type group struct {
		route    Route
		prefixes []string
	}
	var groups []*group
	byKey := map[string]*group{}
	for _, s := range table {
		if s.Door != door || s.Route.Hidden {
			continue
		}
		key := s.Route.Method + " " + s.Route.Path
		if byKey[key] == nil {
			byKey[key] = &group{route: s.Route}
			groups = append(groups, byKey[key])
		}
		byKey[key].prefixes = append(byKey[key].prefixes, s.Prefix)
	}
	if len(groups) > 0 {
		d.tags = append(d.tags, door)
	}
	for _, g := range groups {
		operation, err := d.operation(door, g.route)
		if err != nil {
			return fmt.Errorf("describe %s %s: %w", g.route.Method, g.route.Path, err)
		}
		if !slices.Contains(g.prefixes, "") {
			for _, p := range g.prefixes {
				d.place(p+g.route.Path, g.route.Method, operation)
			}
			continue
		}
		if len(g.prefixes) > 1 {
			servers := make([]map[string]any, 0, len(g.prefixes))
			for _, p := range g.prefixes {
				servers = append(servers, map[string]any{"url": p + "/"})
			}
			operation["servers"] = servers
		}
		d.place(g.route.Path, g.route.Method, operation)
	}
	return nil
}

func (d *document) place(pattern, method string, operation map[string]any) {
	path := documentPath(pattern)
	if d.paths[path] == nil {
		d.paths[path] = map[string]any{}
	}
	d.paths[path][strings.ToLower(method)] = operation
}

// operation describes one route.
func (d *document) operation(door string, r Route) (map[string]any, error) {
	var op map[string]any
	var err error
	if r.operation != nil {
		op, err = d.typed(r.operation)
	} else {
		op = plain(door, r)
	}
	if err != nil {
		return nil, err
	}
	op["x-access"] = r.Access.String()
	if r.Scope != "" {
		op["x-scope"] = r.Scope
	}
	if r.Access == SignedIn || r.Access == StewardOnly || r.Access == AdminOnly {
		op["security"] = []map[string]any{{"bearer": []string{}}, {"session": []string{}}}
	}
	return op, nil
}

// typed takes over what huma derived, with the schemas that it refers to.
func (d *document) typed(o *operationDoc) (map[string]any, error) {
	op, err := asMap(o.operation)
	if err != nil {
		return nil, err
	}
	if d.known[o.api] {
		return op, nil
	}
	d.known[o.api] = true
	schemas, err := asMap(o.api.OpenAPI().Components.Schemas)
	if err != nil {
		return nil, err
	}
	for name, schema := range schemas {
		if known, ok := d.schemas[name]; ok && !reflect.DeepEqual(known, schema) {
			return nil, fmt.Errorf("two doors have different schemas named %s", name)
		}
		d.schemas[name] = schema
	}
	return op, nil
}

func asMap(v any) (map[string]any, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var m map[string]any
	err = json.Unmarshal(data, &m)
	return m, err
}

// plain describes a route from what its table entry says.
func plain(door string, r Route) map[string]any {
	op := map[string]any{
		"summary": r.Summary, "operationId": operationID(door, r.Method, r.Path), "tags": []string{door},
	}
	if r.Description != "" {
		op["description"] = r.Description
	}
	var params []map[string]any
	for _, name := range wildcards(r.Path) {
		params = append(params, map[string]any{"name": name, "in": "path", "required": true, "schema": map[string]any{"type": "string"}})
	}
	for _, p := range r.Query {
		params = append(params, map[string]any{
			"name": p.Name, "in": "query", "required": p.Required, "description": p.Summary, "schema": map[string]any{"type": "string"},
		})
	}
	if params != nil {
		op["parameters"] = params
	}
	if r.Request != nil {
		op["requestBody"] = map[string]any{"required": true, "content": r.Request.content()}
	}
	success := map[string]any{"description": http.StatusText(http.StatusOK)}
	if r.Response != nil {
		success["content"] = r.Response.content()
	}
	op["responses"] = map[string]any{"200": success, "default": map[string]any{"description": "Error, in the door's own shape"}}
	return op
}

func (b *Body) content() map[string]any {
	mediaType := b.MediaType
	if mediaType == "" {
		mediaType = "application/json"
	}
	media := map[string]any{}
	if b.Schema != nil {
		media["schema"] = b.Schema
	}
	if b.Example != nil {
		media["example"] = b.Example
	}
	return map[string]any{mediaType: media}
}

// problemResponse describes the error answer of typed operations.
func problemResponse(api huma.API) *huma.Response {
	schema := api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Problem](), true, "Problem")
	return &huma.Response{
		Description: "Error (RFC 9457)",
		Content:     map[string]*huma.MediaType{problemType: {Schema: schema}},
	}
}

// wildcards returns the names of a pattern's wildcards.
func wildcards(pattern string) []string {
	var names []string
	for segment := range strings.SplitSeq(pattern, "/") {
		if strings.HasPrefix(segment, "{") && segment != "{$}" {
			names = append(names, strings.TrimSuffix(strings.Trim(segment, "{}"), "..."))
		}
	}
	return names
}

// documentPath turns a net/http pattern path into an OpenAPI one.
func documentPath(pattern string) string {
	return strings.ReplaceAll(strings.TrimSuffix(pattern, "{$}"), "...}", "}")
}

// notWord is what an operation id cannot hold.
var notWord = regexp.MustCompile(`[^a-zA-Z0-9]+`)

// operationID makes a stable identifier for client generators.
func operationID(door, method, path string) string {
	return strings.Trim(notWord.ReplaceAllString(door+"_"+strings.ToLower(method)+"_"+path, "_"), "_")
}
