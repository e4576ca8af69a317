package console

import (
	"net/http"

	"granary/internal/console/ui"
)

// home is a page of cards, each a thing to do right now.
func (d *Door) home(w http.ResponseWriter, r *http.Request) error {
	l := d.kit.Locale(r)
	var cards []ui.Card
	for _, s := range d.cfg.Sections {
		more, err := s.Cards(r.Context(), l)
		if err != nil {
			return err
		}
		cards = append(cards, more...)
	}
	cards = append(cards, ui.Card{
		Icon: "key", Title: l.T("home.api"), Text: l.T("home.api_text"), Href: ui.Root + "/tokens", Action: l.T("home.api_action"),
	})
	d.kit.Render(w, r, ui.Page{
		Name: "console/home", Title: l.T("nav.home"), Active: "home", Crumbs: []ui.Crumb{{Text: l.T("nav.home")}}, Data: cards,
	})
	return nil
}
