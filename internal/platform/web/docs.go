package web

import (
	"net/http"
	"strconv"
)

// newDocsDoor describes one listener: /openapi.json for all its doors and
// /openapi/NAME.json for each.
func newDocsDoor(config Config, doors []*mountedDoor, table []Served) (Door, error) {
	n := NewNative("docs")
	all := newDocument(config.Title, config.Version)
	for _, d := range doors {
		name := d.door.Name()
		own := newDocument(config.Title+" "+name, config.Version)
		for _, doc := range []*document{all, own} {
			if err := doc.add(name, table); err != nil {
				return nil, err
			}
		}
		if len(own.paths) == 0 {
			continue
		}
		if err := addDocument(n, "/openapi/"+name+".json", own); err != nil {
			return nil, err
		}
	}
	return n, addDocument(n, "/openapi.json", all)
}

func addDocument(n *Native, path string, doc *document) error {
	data, err := doc.json()
	if err != nil {
		return err
	}
	n.Add(Route{
		Method: http.MethodGet, Path: path, Access: Public, Hidden: true, Yields: true,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", strconv.Itoa(len(data)))
			_, _ = w.Write(data)
		}),
	})
	return nil
}
