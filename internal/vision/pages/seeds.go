package pages

import (
	"net/http"
	"strings"

	"granary/internal/console/ui"
	"granary/internal/platform/fault"
	"granary/internal/vision"
)

type seedsView struct {
	Seeds  []vision.Seed
	Query  string
	CanAdd bool
}

func (p *pages) seeds(w http.ResponseWriter, r *http.Request) error {
	all, err := p.service.Seeds(r.Context())
	if err != nil {
		return err
	}
	v := seedsView{Query: r.URL.Query().Get("q"), CanAdd: steward(user(r.Context()))}
	wanted := strings.ToLower(strings.TrimSpace(v.Query))
	for _, seed := range all {
		if strings.Contains(strings.ToLower(seed.Name), wanted) {
			v.Seeds = append(v.Seeds, seed)
		}
	}
	l := p.kit.Locale(r)
	p.kit.Render(w, r, ui.Page{
		Name: "vision/seeds", Title: l.T("seeds.title"), Active: "seeds",
		Crumbs: []ui.Crumb{{Text: l.T("seeds.title")}}, Notice: ui.Done(r, l, "seeds.added"), Data: v,
	})
	return nil
}

// addSeeds adds one name a line.
func (p *pages) addSeeds(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return fault.New(fault.Invalid, "the form cannot be read: %w", err)
	}
	var names []string
	for line := range strings.Lines(r.PostForm.Get("names")) {
		if name := strings.TrimSpace(line); name != "" {
			names = append(names, name)
		}
	}
	if _, err := p.service.ImportSeeds(r.Context(), names); err != nil {
		return err
	}
	ui.Redirect(w, r, root+"/seeds", "seeds.added")
	return nil
}
