package console

import (
	"net/http"

	"granary/internal/console/ui"
	"granary/internal/platform/identity"
	"granary/internal/platform/web"
)

type accountView struct {
	Email string
	Role  identity.Role
	ID    string
	Error string
}

func (d *Door) accountPage(w http.ResponseWriter, r *http.Request) error {
	d.showAccount(w, r, 0, "")
	return nil
}

func (d *Door) showAccount(w http.ResponseWriter, r *http.Request, status int, problem string) {
	p, l := user(r), d.kit.Locale(r)
	d.kit.Render(w, r, ui.Page{
		Name: "console/account", Title: l.T("account.title"), Status: status,
		Crumbs: []ui.Crumb{{Text: l.T("account.title")}}, Notice: ui.Done(r, l, "account.changed"),
		Data: accountView{Email: p.Email, Role: p.Role, ID: p.UserID, Error: problem},
	})
}

func (d *Door) changePassword(w http.ResponseWriter, r *http.Request) error {
	if err := parse(r); err != nil {
		return err
	}
	secret, _ := d.cfg.Accounts.SessionSecret(r)
	err := d.cfg.Accounts.ChangePassword(r.Context(), r.PostForm.Get("current"), r.PostForm.Get("password"), secret, clientAddr(r))
	if err != nil {
		if !shown(err) {
			return err
		}
		status := web.ErrorHeader(w, r, err)
		w.Header().Del("WWW-Authenticate")
		d.showAccount(w, r, status, d.kit.Explain(d.kit.Locale(r), err).Line())
		return nil
	}
	ui.Redirect(w, r, ui.Root+"/account", "account.changed")
	return nil
}

func (d *Door) signOutEverywhere(w http.ResponseWriter, r *http.Request) error {
	if err := d.cfg.Accounts.SignOutEverywhere(r.Context(), user(r).UserID); err != nil {
		return err
	}
	return d.signOut(w, r)
}
