// Package webtest holds checks that every assembled server must pass: it is
// used by the tests of package web and of whoever puts doors together.
package webtest

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"granary/internal/platform/web"
)

// document is what the checks read of an OpenAPI document.
type document struct {
	Paths map[string]map[string]operation `json:"paths"`
}

type operation struct {
	Summary string `json:"summary"`
	Access  string `json:"x-access"`
	Servers []struct {
		URL string `json:"url"`
	} `json:"servers"`
}

// CheckDocument fails t unless every served route that is not hidden is in
// the combined OpenAPI document of its listener and in its door's own, under
// each prefix that it answers at, with its summary and access level.
func CheckDocument(t *testing.T, server *web.Server) {
	t.Helper()
	for _, served := range server.Table() {
		if served.Route.Hidden {
			continue
		}
		for _, path := range []string{"/openapi.json", "/openapi/" + served.Door + ".json"} {
			doc := fetch(t, server.Handler(served.Listener), path)
			if !doc.describes(served) {
				t.Errorf("%s lacks %s %s of door %s (or its summary or access)", path, served.Route.Method, served.Path(), served.Door)
			}
		}
	}
}

func fetch(t *testing.T, handler http.Handler, path string) document {
	t.Helper()
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequestWithContext(context.Background(), http.MethodGet, path, nil))
	var doc document
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil || w.Code != http.StatusOK {
		t.Fatalf("GET %s = %d, %v, want a document", path, w.Code, err)
	}
	return doc
}

// describes reports whether the document has the route, either at its full
// path or at its own path with the prefix among the servers.
func (d document) describes(s web.Served) bool {
	plain := strings.NewReplacer("...}", "}", "{$}", "").Replace
	matches := func(op operation, ok bool) bool {
		return ok && op.Summary == s.Route.Summary && op.Access == s.Route.Access.String()
	}
	method := strings.ToLower(s.Route.Method)
	if op, ok := d.Paths[plain(s.Path())][method]; matches(op, ok) {
		return true
	}
	op, ok := d.Paths[plain(s.Route.Path)][method]
	if !matches(op, ok) {
		return false
	}
	for _, server := range op.Servers {
		if server.URL == s.Prefix+"/" {
			return true
		}
	}
	return false
}
