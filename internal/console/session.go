package console

import (
	"net/http"

	"granary/internal/console/ui"
	"granary/internal/platform/fault"
	"granary/internal/platform/identity"
	"granary/internal/platform/web"
)

// credentials are what the setup and sign-in pages ask for. The password is
// never sent back.
type credentials struct {
	Needed bool
	Token  string
	Next   string
	Email  string
	Error  string
}

func (d *Door) signInPage(w http.ResponseWriter, r *http.Request) error {
	if _, ok := identity.From(r.Context()); ok {
		http.Redirect(w, r, ui.LocalPath(r.URL.Query().Get("next")), http.StatusSeeOther)
		return nil
	}
	ready, err := d.cfg.Accounts.HasAccounts(r.Context())
	if err != nil {
		return err
	}
	if !ready {
		http.Redirect(w, r, ui.Root+"/setup", http.StatusSeeOther)
		return nil
	}
	d.showSignIn(w, r, 0, credentials{Next: r.URL.Query().Get("next")})
	return nil
}

func (d *Door) showSignIn(w http.ResponseWriter, r *http.Request, status int, c credentials) {
	d.kit.Render(w, r, ui.Page{
		Name: "console/sign_in", Title: d.kit.Locale(r).T("sign_in.title"), Plain: true, Status: status, Data: c,
	})
}

func (d *Door) signIn(w http.ResponseWriter, r *http.Request) error {
	if err := parse(r); err != nil {
		return err
	}
	email, next := r.PostForm.Get("email"), r.PostForm.Get("next")
	_, err := d.cfg.Accounts.StartSession(w, r, email, r.PostForm.Get("password"), clientAddr(r))
	if err != nil {
		if !shown(err) {
			return err
		}
		status := web.ErrorHeader(w, r, err)
		// A page that asks for the password is not an HTTP challenge.
		w.Header().Del("WWW-Authenticate")
		message := d.kit.Explain(d.kit.Locale(r), err).Line()
		if fault.Is(err, fault.Unauthenticated) {
			message = d.kit.Locale(r).T("sign_in.wrong")
		}
		d.showSignIn(w, r, status, credentials{Next: next, Email: email, Error: message})
		return nil
	}
	http.Redirect(w, r, ui.LocalPath(next), http.StatusSeeOther)
	return nil
}

func (d *Door) signOut(w http.ResponseWriter, r *http.Request) error {
	if err := d.cfg.Accounts.EndSession(w, r); err != nil {
		return err
	}
	http.Redirect(w, r, ui.Root+"/sign-in", http.StatusSeeOther)
	return nil
}

func (d *Door) setupPage(w http.ResponseWriter, r *http.Request) error {
	ready, err := d.cfg.Accounts.HasAccounts(r.Context())
	if err != nil {
		return err
	}
	c := credentials{Needed: !ready, Token: r.URL.Query().Get("token")}
	if c.Needed && c.Token != "" {
		if err := d.cfg.Accounts.CheckSetup(r.Context(), c.Token); err != nil {
			return err
		}
	}
	// The token must not leave in a Referer header.
	w.Header().Set("Referrer-Policy", "no-referrer")
	d.showSetup(w, r, 0, c)
	return nil
}

func (d *Door) showSetup(w http.ResponseWriter, r *http.Request, status int, c credentials) {
	d.kit.Render(w, r, ui.Page{
		Name: "console/setup", Title: d.kit.Locale(r).T("setup.title"), Plain: true, Status: status, Data: c,
	})
}

// setup creates the administrator and signs in at once.
func (d *Door) setup(w http.ResponseWriter, r *http.Request) error {
	if err := parse(r); err != nil {
		return err
	}
	form := r.PostForm
	email, password := form.Get("email"), form.Get("password")
	_, err := d.cfg.Accounts.CompleteSetup(r.Context(), form.Get("token"), email, password)
	if err != nil {
		if !shown(err) {
			return err
		}
		status := web.ErrorHeader(w, r, err)
		w.Header().Del("WWW-Authenticate")
		d.showSetup(w, r, status, credentials{Needed: true, Token: form.Get("token"), Email: email, Error: d.kit.Explain(d.kit.Locale(r), err).Line()})
		return nil
	}
	if _, err := d.cfg.Accounts.StartSession(w, r, email, password, clientAddr(r)); err != nil {
		return err
	}
	http.Redirect(w, r, ui.Root, http.StatusSeeOther)
	return nil
}

// preferences keeps the language or the theme in a cookie for a year.
func (d *Door) preferences(w http.ResponseWriter, r *http.Request) error {
	if err := parse(r); err != nil {
		return err
	}
	for field, name := range map[string]string{"language": ui.LanguageCookie, "theme": ui.ThemeCookie} {
		switch value := r.PostForm.Get(field); value {
		case "en", "fr", "light", "dark":
			http.SetCookie(w, &http.Cookie{ //nolint:gosec // G124: a look, no credential; Secure follows the connection
				Name: name, Value: value, Path: "/", MaxAge: 365 * 24 * 3600,
				HttpOnly: true, Secure: web.IsSecure(r), SameSite: http.SameSiteLaxMode,
			})
		}
	}
	http.Redirect(w, r, ui.LocalPath(r.PostForm.Get("next")), http.StatusSeeOther)
	return nil
}

// parse reads the form of either media type within the route's cap.
func parse(r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return fault.New(fault.Invalid, "the form cannot be read: %w", err)
	}
	return nil
}

// shown reports whether the visitor can do something about err on the same
// form; anything else deserves the error page.
func shown(err error) bool {
	switch fault.Of(err) {
	case fault.Invalid, fault.Unauthenticated, fault.Conflict, fault.RateLimited, fault.Forbidden, fault.NotFound:
		return true
	}
	return false
}

func clientAddr(r *http.Request) string {
	if addr := web.ClientAddr(r.Context()); addr.IsValid() {
		return addr.String()
	}
	return r.RemoteAddr
}
