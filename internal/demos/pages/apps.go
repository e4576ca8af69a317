package pages

import (
	"net/http"
	"net/url"

	"granary/internal/console/ui"
	"granary/internal/demos"
	"granary/internal/demos/manifest"
)

// appCard is one installed app; its texts are in the visitor's language where
// we have them.
type appCard struct {
	Name, Title, About string
	// Foreign says that About is English on a page that is not.
	Foreign bool
	Href    string
}

func newAppCard(l *ui.Locale, app *demos.App) appCard {
	card := appCard{Name: app.Name, Title: app.Title, About: app.Description, Href: appHref(app.Name)}
	if l.Has("demos.app." + app.Name) {
		card.Title = l.T("demos.app." + app.Name)
	}
	if l.Has("demos.about." + app.Name) {
		card.About = l.T("demos.about." + app.Name)
	} else {
		card.Foreign = l.Language != ui.Languages()[0]
	}
	return card
}

func appHref(name string) string { return root + "/apps/" + url.PathEscape(name) }

func (p *pages) apps(w http.ResponseWriter, r *http.Request) error {
	l := p.kit.Locale(r)
	var cards []appCard
	for _, app := range p.service.Apps() {
		cards = append(cards, newAppCard(l, app))
	}
	p.kit.Render(w, r, ui.Page{
		Name: "demos/apps", Title: l.T("demos.apps"), Active: "demos", Crumbs: []ui.Crumb{{Text: l.T("demos.apps")}}, Data: cards,
	})
	return nil
}

// appView is an app with its forms and its latest tasks.
type appView struct {
	App   appCard
	Forms []form
	Tasks []taskLine
	All   string // address of all its tasks
}

// latestTasks is how many tasks an app's page shows.
const latestTasks = 10

func (p *pages) app(w http.ResponseWriter, r *http.Request) error {
	l := p.kit.Locale(r)
	app, err := p.service.App(r.PathValue("app"))
	if err != nil {
		return err
	}
	page, err := p.service.Tasks(r.Context(), demos.TaskFilter{App: app.Name, Limit: latestTasks})
	if err != nil {
		return err
	}
	v := appView{App: newAppCard(l, app), All: ui.WithQuery(root+"/tasks", "app", app.Name)}
	for i := range page.Tasks {
		v.Tasks = append(v.Tasks, p.line(l, &page.Tasks[i]))
	}
	for i := range app.Endpoints {
		one, err := p.form(l, app, &app.Endpoints[i], r.URL.Query())
		if err != nil {
			return err
		}
		v.Forms = append(v.Forms, one)
	}
	p.kit.Render(w, r, ui.Page{
		Name: "demos/app", Title: v.App.Title, Active: "demos", Data: v,
		Crumbs: []ui.Crumb{{Text: l.T("demos.apps"), Href: root}, {Text: v.App.Title}},
	})
	return nil
}

// endpointTitle is an endpoint in words, empty for an app's only one.
func endpointTitle(l *ui.Locale, e *manifest.Endpoint) string {
	if e.Path == "" {
		return ""
	}
	if l.Has("demos.does." + e.Actor) {
		return l.T("demos.does." + e.Actor)
	}
	return e.Path[1:]
}
