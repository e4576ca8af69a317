package console

import (
	"net/http"
	"strconv"
	"time"

	"granary/internal/console/ui"
	"granary/internal/platform/fault"
	"granary/internal/platform/identity"
	"granary/internal/platform/web"
)

type tokensView struct {
	Tokens []tokenView
	Scopes []string
	// Secret is a token that was made just now; it is shown this once.
	Secret string
	Open   bool
	Error  string
}

type tokenView struct {
	identity.Token
	State string
}

func (d *Door) tokensPage(w http.ResponseWriter, r *http.Request) error {
	return d.showTokens(w, r, 0, tokensView{})
}

func (d *Door) showTokens(w http.ResponseWriter, r *http.Request, status int, v tokensView) error {
	tokens, err := d.cfg.Accounts.Tokens(r.Context(), user(r).UserID)
	if err != nil {
		return err
	}
	for _, t := range tokens {
		v.Tokens = append(v.Tokens, tokenView{Token: t, State: tokenState(t, d.cfg.Now())})
	}
	v.Scopes = []string{identity.ScopeRead, identity.ScopeWrite}
	if user(r).IsAdmin() {
		v.Scopes = append(v.Scopes, identity.ScopeAdmin)
	}
	l := d.kit.Locale(r)
	d.kit.Render(w, r, ui.Page{
		Name: "console/tokens", Title: l.T("tokens.title"), Active: "tokens", Status: status,
		Crumbs: []ui.Crumb{{Text: l.T("tokens.title")}}, Notice: ui.Done(r, l, "tokens.revoked"), Data: v,
	})
	return nil
}

func tokenState(t identity.Token, now time.Time) string {
	switch {
	case !t.RevokedAt.IsZero():
		return "revoked"
	case !t.ExpiresAt.IsZero() && !t.ExpiresAt.After(now):
		return "expired"
	}
	return "active"
}

// createToken shows the secret in its own answer instead of redirecting: it
// exists nowhere else.
func (d *Door) createToken(w http.ResponseWriter, r *http.Request) error {
	if err := parse(r); err != nil {
		return err
	}
	days, err := strconv.Atoi(r.PostForm.Get("days"))
	if err != nil || days < 1 || days > 365 {
		return fault.New(fault.Invalid, "a token lives 1 to 365 days")
	}
	token, err := d.cfg.Accounts.CreateToken(r.Context(), identity.NewToken{
		Name: r.PostForm.Get("name"), Scopes: r.PostForm["scope"], ExpiresAt: d.cfg.Now().Add(time.Duration(days) * 24 * time.Hour),
	})
	if err != nil {
		if !shown(err) {
			return err
		}
		return d.showTokens(w, r, web.ErrorHeader(w, r, err), tokensView{Open: true, Error: fault.Message(err)})
	}
	return d.showTokens(w, r, 0, tokensView{Secret: token.Secret})
}

func (d *Door) revokeToken(w http.ResponseWriter, r *http.Request) error {
	if err := d.cfg.Accounts.RevokeToken(r.Context(), r.PathValue("id")); err != nil {
		return err
	}
	ui.Redirect(w, r, ui.Root+"/tokens", "tokens.revoked")
	return nil
}
