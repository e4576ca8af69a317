package console

import (
	"errors"
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
	ui.Explanation
	RequestID string
}

// WriteError answers with a page that says what happened, what was kept, what
// to do, and the request id. A visitor who is not signed in is sent to the
// sign-in page and comes back afterwards. A script that asks for JSON gets a
// problem document.
func (d *Door) WriteError(w http.ResponseWriter, r *http.Request, err error) {
	l := d.kit.Locale(r)
	if strings.Contains(r.Header.Get("Accept"), "application/json") {
		web.LogError(r.Context(), err) // with its cause, which the text for people leaves out
		web.WriteProblem(w, r, inWords(err, d.kit.Explain(l, err).Line()))
		return
	}
	if fault.Is(err, fault.Unauthenticated) {
		d.sendToSignIn(w, r)
		return
	}
	p := problem{Explanation: d.kit.Explain(l, err), RequestID: web.RequestID(r.Context())}
	status := web.ErrorHeader(w, r, err)
	_, signedIn := identity.From(r.Context())
	d.kit.Render(w, r, ui.Page{
		Name: "console/error", Title: p.Title, Crumbs: []ui.Crumb{{Text: p.Title}},
		Status: status, Plain: !signedIn, Data: p,
	})
}

// inWords returns an error of the same kind with another text.
func inWords(err error, text string) error {
	var own *fault.Error
	if !errors.As(err, &own) || web.StatusOf(err) != web.Status(own.Kind) {
		return err
	}
	return fault.New(own.Kind, "%s", text).After(own.RetryAfter)
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
