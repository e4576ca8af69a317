package ui_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"granary/internal/console/ui"
	"granary/internal/platform/identity"
)

func newKit(t *testing.T, templates map[string]string) *ui.Kit {
	t.Helper()
	files := fstest.MapFS{
		"messages/en.json": {Data: []byte(`{"hello": {"one": "{0} seed", "other": "{0} seeds"}, "test.nav": "Tests"}`)},
		"messages/fr.json": {Data: []byte(`{"hello": {"one": "{0} semence", "other": "{0} semences"}, "test.nav": "Essais"}`)},
		"assets/own.js":    {Data: []byte(`import "../app.js";`)},
	}
	for name, text := range templates {
		files["templates/"+name] = &fstest.MapFile{Data: []byte(text)}
	}
	kit, err := ui.New(ui.Config{
		Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC) },
	}, ui.Bundle{Name: "test", FS: files, Nav: []ui.NavGroup{{Heading: "test.nav", Items: []ui.NavItem{
		{ID: "open", Text: "test.nav", Href: "/open", Icon: "seed"},
		{ID: "closed", Text: "test.nav", Href: "/closed", Icon: "key", Needs: "admin"},
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	return kit
}

func render(kit *ui.Kit, p ui.Page, change ...func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/console/test?a=1", nil)
	for _, fn := range change {
		fn(r)
	}
	w := httptest.NewRecorder()
	kit.Render(w, r, p)
	return w
}

func as(role identity.Role) func(*http.Request) {
	return func(r *http.Request) {
		*r = *r.WithContext(identity.With(r.Context(), identity.Principal{UserID: "u", Email: "ada@lab.example", Role: role}))
	}
}

func TestRender(t *testing.T) {
	t.Parallel()
	kit := newKit(t, map[string]string{
		"page.html":  `{{define "content"}}<p>{{t "hello" .Data}}</p>{{template "tail" .}}{{end}}`,
		"_tail.html": `{{define "tail"}}<i>{{.Title}}</i>{{end}}`,
	})
	hostile := `<script>alert(1)</script>`
	for _, tc := range []struct {
		name     string
		page     ui.Page
		change   []func(*http.Request)
		want     []string
		unwanted []string
	}{
		{
			"a member sees no administration",
			ui.Page{Title: "T", Data: 1},
			[]func(*http.Request){as(identity.Member)},
			[]string{`<html lang="en" data-theme="auto">`, "<p>1 seed</p>", `href="/open"`, "ada@lab.example"},
			[]string{`href="/closed"`, "style=", "onclick"},
		},
		{"an admin sees all", ui.Page{Title: "T", Data: 2}, []func(*http.Request){as(identity.Admin)}, []string{`href="/closed"`, "<p>2 seeds</p>"}, nil},
		{"a stranger sees no rail links", ui.Page{Title: "T", Data: 0}, nil, []string{"<p>0 seeds</p>"}, []string{`href="/open"`, "sign-out"}},
		{"text is escaped", ui.Page{Title: hostile, Data: 1}, nil, []string{"&lt;script&gt;alert(1)"}, []string{hostile}},
		{
			"the cookie's language wins over the browser's",
			ui.Page{Title: "T", Data: 0},
			[]func(*http.Request){func(r *http.Request) {
				r.AddCookie(&http.Cookie{Name: ui.LanguageCookie, Value: "fr"})
				r.AddCookie(&http.Cookie{Name: ui.ThemeCookie, Value: "dark"})
				r.Header.Set("Accept-Language", "en")
			}},
			[]string{`<html lang="fr" data-theme="dark">`, "<p>0 semence</p>"},
			nil,
		},
		{
			"an unknown cookie value is ignored",
			ui.Page{Title: "T", Data: 2},
			[]func(*http.Request){func(r *http.Request) {
				r.AddCookie(&http.Cookie{Name: ui.LanguageCookie, Value: `"><b>`})
				r.AddCookie(&http.Cookie{Name: ui.ThemeCookie, Value: `"><b>`})
				r.Header.Set("Accept-Language", "de, fr-CA;q=0.8, en;q=0.5")
			}},
			[]string{`<html lang="fr" data-theme="auto">`},
			[]string{`"><b>`},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tc.page.Name = "test/page"
			w := render(kit, tc.page, tc.change...)
			body := w.Body.String()
			if w.Code != http.StatusOK || w.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("Render = %d with Cache-Control %q, want 200 with no-store", w.Code, w.Header().Get("Cache-Control"))
			}
			for _, want := range tc.want {
				if !strings.Contains(body, want) {
					t.Errorf("Render lacks %q:\n%s", want, body)
				}
			}
			for _, unwanted := range tc.unwanted {
				if strings.Contains(body, unwanted) {
					t.Errorf("Render contains %q", unwanted)
				}
			}
		})
	}
}

func TestRenderOfABrokenPageIsACleanError(t *testing.T) {
	t.Parallel()
	kit := newKit(t, map[string]string{"page.html": `{{define "content"}}before{{.Data.Missing}}{{end}}`})
	for _, name := range []string{"test/page", "test/none"} {
		w := render(kit, ui.Page{Name: name, Data: struct{}{}})
		if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "before") {
			t.Errorf("Render(%s) = %d %q, want 500 without any of the page", name, w.Code, w.Body)
		}
	}
}

func TestAssets(t *testing.T) {
	t.Parallel()
	kit := newKit(t, nil)
	mux := http.NewServeMux()
	mux.Handle("GET /console/assets/{digest}/{name...}", kit.AssetHandler())
	get := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w
	}
	for name, kind := range map[string]string{
		"app.css": "text/css; charset=utf-8", "app.js": "text/javascript; charset=utf-8",
		"test/own.js": "text/javascript; charset=utf-8", "htmx.min.js": "text/javascript; charset=utf-8", "mark.svg": "image/svg+xml",
	} {
		address, err := kit.Asset(name)
		if err != nil {
			t.Fatal(err)
		}
		w := get(address)
		if w.Code != http.StatusOK || w.Header().Get("Content-Type") != kind || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("GET %s = %d %v, want 200 %s immutable", address, w.Code, w.Header(), kind)
		}
	}
	if _, err := kit.Asset("none.js"); err == nil {
		t.Error("Asset(none.js) found something")
	}
	for _, path := range []string{"/console/assets/000000000000/app.css", "/console/assets/x/../app.css"} {
		if w := get(path); w.Code == http.StatusOK {
			t.Errorf("GET %s = 200, want it refused", path)
		}
	}
}

func TestLocaleNumbers(t *testing.T) {
	t.Parallel()
	kit := newKit(t, nil)
	locale := func(language string) *ui.Locale {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Accept-Language", language)
		return kit.Locale(r)
	}
	en, fr := locale("en"), locale("fr")
	for _, tc := range []struct{ what, got, want string }{
		{"en Int", en.Int(1234567), "1,234,567"},
		{"en Int below a thousand", en.Int(999), "999"},
		{"en negative Int", en.Int(-1234), "−1,234"},
		{"fr Int", fr.Int(1234567), "1\u202f234\u202f567"},
		{"en Percent", en.Percent(0.875), "87.5%"},
		{"fr Percent", fr.Percent(0.875), "87,5\u00a0%"},
		{"en Bytes", en.Bytes(1536), "1.5\u00a0KiB"},
		{"en whole Bytes", en.Bytes(40 << 20), "40\u00a0MiB"},
		{"fr Bytes", fr.Bytes(512), "512\u00a0o"},
		{"en Duration", en.Duration(200 * time.Second), "3\u00a0min 20\u00a0s"},
		{"en short Duration", en.Duration(12 * time.Millisecond), "12\u00a0ms"},
		{"fr Duration", fr.Duration(1500 * time.Millisecond), "1,5\u00a0s"},
		{"fr Ago", fr.Ago(2 * time.Hour), "il y a 2 heures"},
		{"unknown key", en.T("no.such.key"), "no.such.key"},
		{"unknown language", locale("de").Language, "en"},
	} {
		if tc.got != tc.want {
			t.Errorf("%s = %q, want %q", tc.what, tc.got, tc.want)
		}
	}
}

func TestLocalPath(t *testing.T) {
	t.Parallel()
	for next, want := range map[string]string{
		"/console/vision?a=1":         "/console/vision?a=1",
		"/console":                    "/console",
		"":                            "/console",
		"//evil.example/console":      "/console",
		"https://evil.example":        "/console",
		`/\evil.example`:              "/console",
		"/consolefake":                "/console",
		"javascript:alert(1)":         "/console",
		"/console/x\r\nSet-Cookie: a": "/console",
	} {
		if got := ui.LocalPath(next); got != want {
			t.Errorf("LocalPath(%q) = %q, want %q", next, got, want)
		}
	}
}

func TestRedirect(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest(http.MethodPost, "/console/x", nil)
	w := httptest.NewRecorder()
	ui.Redirect(w, r, "/console/y", "saved")
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/console/y?done=saved" {
		t.Errorf("Redirect = %d %q, want 303 /console/y?done=saved", w.Code, w.Header().Get("Location"))
	}
	r.Header.Set("HX-Request", "true")
	w = httptest.NewRecorder()
	ui.Redirect(w, r, "/console/y", "")
	if w.Code != http.StatusNoContent || w.Header().Get("HX-Redirect") != "/console/y" {
		t.Errorf("Redirect for htmx = %d %q, want 204 with HX-Redirect /console/y", w.Code, w.Header().Get("HX-Redirect"))
	}
}
