package console

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"
	"time"

	"granary/internal/console/ui"
	"granary/internal/platform/fault"
	"granary/internal/platform/identity"
	"granary/internal/platform/web"
)

type tokensView struct {
	Table  ui.TableView[tokenView]
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
	rows := make([]tokenView, len(tokens))
	for i, t := range tokens {
		rows[i] = tokenView{Token: t, State: tokenState(t, d.cfg.Now())}
	}
	table, done, err := tokensTable(rows).Page(w, r)
	if err != nil || done {
		return err
	}
	v.Table = table
	v.Table.Pick = true
	v.Scopes = []string{identity.ScopeRead, identity.ScopeWrite}
	if user(r).IsAdmin() {
		v.Scopes = append(v.Scopes, identity.ScopeAdmin)
	}
	l := d.kit.Locale(r)
	d.kit.Render(w, r, ui.Page{
		Name: "console/tokens", Title: l.T("tokens.title"), Active: "tokens", Status: status,
		Crumbs: []ui.Crumb{{Text: l.T("tokens.title")}}, Notice: ui.Done(r, l, "tokens.revoked", "tokens.revoked_several"), Data: v,
	})
	return nil
}

func tokensTable(rows []tokenView) ui.Table[tokenView] {
	at := func(id, text string, of func(tokenView) time.Time) ui.Column[tokenView] {
		return ui.Column[tokenView]{
			ID: id, Text: text, Export: func(t tokenView) string { return ui.CSVTime(of(t)) },
			Compare: func(a, b tokenView) int { return of(a).Compare(of(b)) },
		}
	}
	return ui.Table[tokenView]{
		Name: "tokens", Key: func(t tokenView) string { return t.ID }, Source: ui.Slice(rows),
		Columns: []ui.Column[tokenView]{
			{
				ID: "name", Text: "field.name", Export: func(t tokenView) string { return t.Name },
				Compare: func(a, b tokenView) int { return cmp.Compare(a.Name, b.Name) },
			},
			{ID: "prefix", Text: "tokens.begins", Export: func(t tokenView) string { return t.Prefix }},
			{ID: "scopes", Text: "tokens.scopes", Export: func(t tokenView) string { return strings.Join(t.Scopes, " ") }},
			{
				ID: "state", Text: "field.state", Export: func(t tokenView) string { return t.State },
				Compare: func(a, b tokenView) int { return cmp.Compare(a.State, b.State) },
			},
			at("created_at", "field.created", func(t tokenView) time.Time { return t.CreatedAt }),
			at("expires_at", "tokens.expires", func(t tokenView) time.Time { return t.ExpiresAt }),
			at("last_used_at", "tokens.used", func(t tokenView) time.Time { return t.LastUsedAt }),
			{ID: "act", Text: "field.actions", Class: "act"},
		},
	}
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
		return d.showTokens(w, r, web.ErrorHeader(w, r, err), tokensView{Open: true, Error: d.kit.Explain(d.kit.Locale(r), err).Line()})
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

// revokeTokens revokes every ticked token. One that cannot be revoked ends it.
func (d *Door) revokeTokens(w http.ResponseWriter, r *http.Request) error {
	if err := parse(r); err != nil {
		return err
	}
	ids, err := ui.Selected(r.PostForm, maxSelected)
	if err != nil {
		return err
	}
	for i, id := range ids {
		if err := d.cfg.Accounts.RevokeToken(r.Context(), id); err != nil {
			return ui.Kept(err, "tokens.kept", i, len(ids))
		}
	}
	ui.RedirectCount(w, r, ui.Root+"/tokens", "tokens.revoked_several", len(ids))
	return nil
}

// maxSelected bounds the rows of one act.
const maxSelected = 100
