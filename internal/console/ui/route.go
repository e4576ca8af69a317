package ui

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"granary/internal/platform/web"
)

// Handler is a page or action that may fail. It must not have written
// anything when it returns an error.
type Handler func(w http.ResponseWriter, r *http.Request) error

// Fail answers an error in the console's shape.
type Fail func(w http.ResponseWriter, r *http.Request, err error)

// Route makes a hidden route of a handler. The pattern is "METHOD /path".
func Route(pattern string, access web.Access, maxBody int64, h Handler, fail Fail) web.Route {
	method, path, _ := strings.Cut(pattern, " ")
	route := web.Route{
		Method: method, Path: path, Access: access, Summary: "Console page", Hidden: true, MaxBody: maxBody,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := h(w, r); err != nil {
				fail(w, r, err)
			}
		}),
	}
	if method == http.MethodPost {
		route.Consumes = []string{"application/x-www-form-urlencoded", "multipart/form-data"}
	}
	return route
}

// Card is a thing to do, on the home page; all texts are in the visitor's
// language.
type Card struct {
	Icon, Title, Text string
	// Figure and Unit show how things stand, such as 37 "boxes wait".
	Figure, Unit string
	Href, Action string
	// Primary marks the one thing to start with.
	Primary bool
	// Post makes the action a form to Href instead of a link.
	Post bool
}

// Hit is one thing that a search found; its texts are in the visitor's
// language.
type Hit struct{ Icon, Text, Kind, Href string }

// noticeKey names the query value that carries a message key over a redirect,
// countKey the one with the number that the message speaks of.
const (
	noticeKey = "done"
	countKey  = "count"
)

// Redirect answers a finished action: the browser gets target with a 303, so
// that a reload does not repeat the action. done is a message key to show
// there, or empty. An update by script is told the address instead.
func Redirect(w http.ResponseWriter, r *http.Request, target, done string) {
	if done != "" {
		target = WithQuery(target, noticeKey, done)
	}
	if Partial(r) {
		w.Header().Set("HX-Redirect", target)
		w.WriteHeader(http.StatusNoContent)
		return
	}
	http.Redirect(w, r, target, http.StatusSeeOther)
}

// RedirectCount is Redirect with a message about n things.
func RedirectCount(w http.ResponseWriter, r *http.Request, target, done string, n int) {
	Redirect(w, r, WithQuery(target, countKey, strconv.Itoa(n)), done)
}

// Done returns the notice that Redirect asked for, if it is one of allowed: an
// address must not be able to put any message on a page.
func Done(r *http.Request, l *Locale, allowed ...string) *Notice {
	key := r.URL.Query().Get(noticeKey)
	for _, a := range allowed {
		if key != a {
			continue
		}
		if n, err := strconv.Atoi(r.URL.Query().Get(countKey)); err == nil {
			return &Notice{Kind: "ok", Text: l.T(key, n)}
		}
		return &Notice{Kind: "ok", Text: l.T(key)}
	}
	return nil
}

// LocalPath returns next if it is a path of the console, else the console's
// first page: an address given by a visitor must not lead anywhere else.
func LocalPath(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.IsAbs() || u.Host != "" || u.User != nil || strings.ContainsAny(next, "\\\r\n\t") {
		return Root
	}
	if u.Path != Root && !strings.HasPrefix(u.Path, Root+"/") {
		return Root
	}
	return next
}
