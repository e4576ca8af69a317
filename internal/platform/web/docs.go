package web

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"sync"

	"github.com/danielgtaylor/huma/v2"
)

//go:embed docs.html
var docsHTML string

//go:embed docs.css
var docsCSS []byte

// docsTemplate is parsed once and never changed.
var docsTemplate = template.Must(template.New("docs").Parse(docsHTML))

// newDocsDoor describes one listener: /openapi.json for all its doors and
// /openapi/NAME.json for each, with pages at /docs and /docs/NAME that need
// neither script nor any other server. The documents are written when
// somebody first asks for one: that takes longer than the rest of the start.
// Only doors that could disagree on the name of a schema are held against
// each other at once.
func newDocsDoor(config Config, doors []*mountedDoor, table []Served) (Door, error) {
	n := NewNative("docs")
	written := sync.OnceValues(func() (map[string]*described, error) { return describe(config, doors, table) })
	addDocument(n, "", written)
	for _, d := range doors {
		name := d.door.Name()
		if slices.ContainsFunc(table, func(s Served) bool { return s.Door == name && !s.Route.Hidden }) {
			addDocument(n, "/"+name, written)
		}
	}
	addGet(n, "/docs/style.css", "text/css; charset=utf-8", docsCSS)
	sources := map[huma.API]bool{}
	for _, s := range table {
		if s.Route.operation != nil {
			sources[s.Route.operation.api] = true
		}
	}
	if len(sources) > 1 {
		if _, err := written(); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// described is one document as it is served.
type described struct {
	json []byte
	page *docsPage
}

// describe writes every document, by its suffix.
func describe(config Config, doors []*mountedDoor, table []Served) (map[string]*described, error) {
	all := newDocument(config.Title, config.Version)
	documents := map[string]*document{"": all}
	for _, d := range doors {
		name := d.door.Name()
		own := newDocument(config.Title+" "+name, config.Version)
		for _, doc := range []*document{all, own} {
			if err := doc.add(name, table); err != nil {
				return nil, err
			}
		}
		documents["/"+name] = own
	}
	out := map[string]*described{}
	for suffix, doc := range documents {
		data, err := doc.json()
		if err != nil {
			return nil, err
		}
		page, err := newDocsPage(doc, documentAddress(suffix), all.tags)
		if err != nil {
			return nil, err
		}
		out[suffix] = &described{data, page}
	}
	return out, nil
}

func documentAddress(suffix string) string { return "/openapi" + suffix + ".json" }

// addDocument adds one document and its page under suffix ("" or "/NAME").
// Both give way to a door that wants the address.
func addDocument(n *Native, suffix string, written func() (map[string]*described, error)) {
	add := func(path, contentType string, body func(*described) ([]byte, error)) {
		n.Add(Route{
			Method: http.MethodGet, Path: path, Access: Public, Hidden: true, Yields: true,
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				documents, err := written()
				var data []byte
				if err == nil {
					data, err = body(documents[suffix])
				}
				if err != nil {
					WriteProblem(w, r, fmt.Errorf("write documentation: %w", err))
					return
				}
				w.Header().Set("Content-Type", contentType)
				w.Header().Set("Content-Length", strconv.Itoa(len(data)))
				_, _ = w.Write(data)
			}),
		})
	}
	add(documentAddress(suffix), "application/json", func(d *described) ([]byte, error) { return d.json, nil })
	add("/docs"+suffix, "text/html; charset=utf-8", func(d *described) ([]byte, error) {
		var buf bytes.Buffer
		err := docsTemplate.Execute(&buf, d.page)
		return buf.Bytes(), err
	})
}

// addGet adds a fixed answer. It gives way to a door that wants the address.
func addGet(n *Native, path, contentType string, data []byte) {
	n.Add(Route{
		Method: http.MethodGet, Path: path, Access: Public, Hidden: true, Yields: true,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.Header().Set("Content-Length", strconv.Itoa(len(data)))
			_, _ = w.Write(data)
		}),
	})
}
