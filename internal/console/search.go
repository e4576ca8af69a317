package console

import (
	"net/http"
	"strings"

	"granary/internal/console/ui"
)

// maxQuery bounds what is searched for, in bytes.
const maxQuery = 200

type searchView struct {
	Query string
	Hits  []ui.Hit
}

// search asks every section.
func (d *Door) search(w http.ResponseWriter, r *http.Request) error {
	l := d.kit.Locale(r)
	query := strings.TrimSpace(r.URL.Query().Get("q"))
	v := searchView{Query: query[:min(len(query), maxQuery)]}
	if v.Query != "" {
		for _, s := range d.cfg.Sections {
			hits, err := s.Search(r.Context(), l, v.Query)
			if err != nil {
				return err
			}
			v.Hits = append(v.Hits, hits...)
		}
	}
	d.kit.Render(w, r, ui.Page{
		Name: "console/search", Title: l.T("search.title"), Query: v.Query, Crumbs: []ui.Crumb{{Text: l.T("search.title")}}, Data: v,
	})
	return nil
}
