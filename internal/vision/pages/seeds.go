package pages

import (
	"cmp"
	"net/http"
	"strings"

	"granary/internal/console/ui"
	"granary/internal/platform/fault"
	"granary/internal/vision"
)

type seedsView struct {
	Table  ui.TableView[vision.Seed]
	Count  int
	Query  string
	Sort   string
	CanAdd bool
}

func (p *pages) seeds(w http.ResponseWriter, r *http.Request) error {
	all, err := p.service.Seeds(r.Context())
	if err != nil {
		return err
	}
	v := seedsView{Query: r.URL.Query().Get("q"), CanAdd: steward(user(r.Context()))}
	var seeds []vision.Seed
	wanted := strings.ToLower(strings.TrimSpace(v.Query))
	for _, seed := range all {
		if strings.Contains(strings.ToLower(seed.Name), wanted) {
			seeds = append(seeds, seed)
		}
	}
	table, done, err := seedsTable(seeds).Page(w, r)
	if err != nil || done {
		return err
	}
	v.Table, v.Count, v.Sort = table, len(seeds), r.URL.Query().Get("sort")
	l := p.kit.Locale(r)
	p.kit.Render(w, r, ui.Page{
		Name: "vision/seeds", Title: l.T("seeds.title"), Active: "seeds",
		Crumbs: []ui.Crumb{{Text: l.T("seeds.title")}}, Notice: ui.Done(r, l, "seeds.added"), Data: v,
	})
	return nil
}

func seedsTable(seeds []vision.Seed) ui.Table[vision.Seed] {
	return ui.Table[vision.Seed]{
		Name: "seeds", Size: 500, Source: ui.Slice(seeds), Key: func(s vision.Seed) string { return s.ID },
		Columns: []ui.Column[vision.Seed]{
			{
				ID: "name", Text: "seeds.name", Export: func(s vision.Seed) string { return s.Name },
				Compare: func(a, b vision.Seed) int { return cmp.Compare(a.Key, b.Key) },
			},
			{
				ID: "created_at", Text: "seeds.since", Export: func(s vision.Seed) string { return ui.CSVTime(s.CreatedAt) },
				Compare: func(a, b vision.Seed) int { return a.CreatedAt.Compare(b.CreatedAt) },
			},
			{ID: "id", Text: "seeds.id", Export: func(s vision.Seed) string { return s.ID }},
		},
	}
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
