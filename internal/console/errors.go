package console

import (
	"net/http"
	"net/url"
	"strings"

	"granary/internal/console/ui"
	"granary/internal/platform/fault"
	"granary/internal/platform/identity"
	"granary/internal/platform/web"
)

// problem is what the error page says.
type problem struct {
	Title, Message, Kept, Todo, RequestID string
}

// WriteError answers with a page that says what happened, what was kept, what
// to do, and the request id. A visitor who is not signed in is sent to the
// sign-in page and comes back afterwards. A script that asks for JSON gets a
// problem document.
func (d *Door) WriteError(w http.ResponseWriter, r *http.Request, err error) {
	if strings.Contains(r.Header.Get("Accept"), "application/json") {
		web.WriteProblem(w, r, err)
		return
	}
	if fault.Is(err, fault.Unauthenticated) {
		d.sendToSignIn(w, r)
		return
	}
	l := d.kit.Locale(r)
	kind := fault.Of(err).String()
	p := problem{
		Title: l.T("problem.title_" + kind), Kept: l.T("problem.kept_default"),
		Todo: l.T("problem.todo_" + kind), RequestID: web.RequestID(r.Context()),
	}
	// The texts of our own errors are English; the title and the advice say
	// the same in the visitor's language.
	if !fault.Is(err, fault.Internal) {
		p.Message = fault.Message(err)
	}
	status := web.ErrorHeader(w, r, err)
	_, signedIn := identity.From(r.Context())
	d.kit.Render(w, r, ui.Page{
		Name: "console/error", Title: p.Title, Crumbs: []ui.Crumb{{Text: p.Title}},
		Status: status, Plain: !signedIn, Data: p,
	})
}

func (d *Door) sendToSignIn(w http.ResponseWriter, r *http.Request) {
	target := ui.Root + "/sign-in"
	// Only a page can be returned to; an action is not repeated.
	if r.Method == http.MethodGet && !ui.Partial(r) && r.URL.Path != ui.Root {
		target += "?next=" + url.QueryEscape(r.URL.RequestURI())
	}
	w.Header().Set("Cache-Control", "no-store")
	if ui.Partial(r) {
		w.Header().Set("HX-Redirect", target)
		w.WriteHeader(http.StatusNoContent)
		return
	}
	http.Redirect(w, r, target, http.StatusSeeOther)
}
