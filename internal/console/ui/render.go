package ui

import (
	"bytes"
	"html/template"
	"log/slog"
	"net/http"

	"granary/internal/platform/fault"
	"granary/internal/platform/identity"
)

// Crumb is one step of "where I am"; the last one has no address.
type Crumb struct{ Text, Href string }

// Notice is a line above the content: what just happened.
type Notice struct {
	// Kind is "ok" or "error".
	Kind string
	Text string
}

// Page is what a handler gives to Render.
type Page struct {
	// Name is "<bundle>/<file>", such as "console/jobs".
	Name string
	// Title is already in the visitor's language.
	Title  string
	Crumbs []Crumb
	// Active is the NavItem.ID to mark.
	Active string
	// Status is the HTTP status. Defaults to 200.
	Status int
	// Plain leaves out the rail, for pages seen before signing in.
	Plain bool
	// Wide removes the content's side margins and scrolling, for the stage.
	Wide bool
	// Scripts are modules of this page, by asset name.
	Scripts []string
	Notice  *Notice
	// Query is what stands in the search field.
	Query string
	Data  any
}

// view is what the layout sees.
type view struct {
	Page
	Language string
	Theme    string
	User     *identity.Principal
	Nav      []NavGroup
	Path     string
	Version  string
}

// Render writes a whole page. The page is rendered to memory first, so that a
// template error becomes a clean 500 and never half a page.
func (k *Kit) Render(w http.ResponseWriter, r *http.Request, p Page) {
	k.write(w, r, p.Name, "layout", p.Status, k.view(r, p))
}

// Fragment writes one block of a page, for a partial update. The block gets
// data itself, exactly as it does inside the page.
func (k *Kit) Fragment(w http.ResponseWriter, r *http.Request, page, block string, data any) {
	k.write(w, r, page, block, http.StatusOK, data)
}

// Partial reports whether htmx asked, so that a fragment is enough.
func Partial(r *http.Request) bool {
	return r.Header.Get("HX-Request") == "true" && r.Header.Get("HX-Boosted") != "true"
}

func (k *Kit) view(r *http.Request, p Page) view {
	v := view{Page: p, Language: k.Locale(r).Language, Theme: "auto", Path: r.URL.RequestURI(), Version: k.cfg.Version}
	if c, err := r.Cookie(ThemeCookie); err == nil && (c.Value == "light" || c.Value == "dark") {
		v.Theme = c.Value
	}
	if user, ok := identity.From(r.Context()); ok {
		v.User = &user
		v.Nav = visible(k.nav, user.Role)
	}
	return v
}

func visible(groups []NavGroup, role identity.Role) []NavGroup {
	var out []NavGroup
	for _, g := range groups {
		var items []NavItem
		for _, item := range g.Items {
			if role == identity.Admin || item.Needs == "" || (item.Needs == "steward" && role == identity.Steward) {
				items = append(items, item)
			}
		}
		if len(items) > 0 {
			out = append(out, NavGroup{Heading: g.Heading, Items: items})
		}
	}
	return out
}

func (k *Kit) write(w http.ResponseWriter, r *http.Request, page, block string, status int, data any) {
	var t *template.Template
	if t = k.pages[k.Locale(r).Language][page]; t == nil {
		k.broken(w, r, page, fault.New(fault.Internal, "no page %q", page))
		return
	}
	var buf bytes.Buffer
	if err := t.ExecuteTemplate(&buf, block, data); err != nil {
		k.broken(w, r, page, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	// Pages speak about one person's data in one language and theme.
	h.Set("Cache-Control", "no-store")
	h.Add("Vary", "Cookie, Accept-Language, HX-Request")
	if status == 0 {
		status = http.StatusOK
	}
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(buf.Bytes()) // the client has gone; nothing is left to tell it
	}
}

func (k *Kit) broken(w http.ResponseWriter, r *http.Request, page string, err error) {
	k.cfg.Logger.ErrorContext(r.Context(), "page not rendered", slog.String("page", page), slog.Any("error", err))
	http.Error(w, "internal error", http.StatusInternalServerError)
}
