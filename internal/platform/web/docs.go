package web

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
)

//go:embed docs.html
var docsHTML string

//go:embed docs.css
var docsCSS []byte

// docsTemplate is parsed once and never changed.
var docsTemplate = template.Must(template.New("docs").Parse(docsHTML))

// newDocsDoor describes one listener: /openapi.json for all its doors and
// /openapi/NAME.json for each, with pages at /docs and /docs/NAME that need
// neither script nor any other server.
func newDocsDoor(config Config, doors []*mountedDoor, table []Served) (Door, error) {
	n := NewNative("docs")
	all := newDocument(config.Title, config.Version)
	documents := map[string]*document{}
	for _, d := range doors {
		name := d.door.Name()
		own := newDocument(config.Title+" "+name, config.Version)
		for _, doc := range []*document{all, own} {
			if err := doc.add(name, table); err != nil {
				return nil, err
			}
		}
		if len(own.paths) > 0 {
			documents[name] = own
		}
	}
	if err := addDocument(n, "", all, all.tags); err != nil {
		return nil, err
	}
	for name, doc := range documents {
		if err := addDocument(n, "/"+name, doc, all.tags); err != nil {
			return nil, err
		}
	}
	addGet(n, "/docs/style.css", "text/css; charset=utf-8", docsCSS)
	return n, nil
}

// addDocument adds one document and its page under suffix ("" or "/NAME").
func addDocument(n *Native, suffix string, doc *document, doors []string) error {
	data, err := doc.json()
	if err != nil {
		return err
	}
	jsonPath := "/openapi" + suffix + ".json"
	addGet(n, jsonPath, "application/json", data)
	page, err := newDocsPage(doc, jsonPath, doors)
	if err != nil {
		return err
	}
	n.Add(Route{
		Method: http.MethodGet, Path: "/docs" + suffix, Access: Public, Hidden: true, Yields: true,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var buf bytes.Buffer
			if err := docsTemplate.Execute(&buf, page); err != nil {
				WriteProblem(w, r, fmt.Errorf("render documentation: %w", err))
				return
			}
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = w.Write(buf.Bytes())
		}),
	})
	return nil
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
