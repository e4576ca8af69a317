package console

import (
	"net/http"

	"granary/internal/console/ui"
	"granary/internal/platform/fault"
	"granary/internal/platform/identity"
	"granary/internal/platform/web"
)

type usersView struct {
	Users []identity.User
	Roles []identity.Role
	Me    string
	Pager pager
	// Open shows the form at once, with what was typed and what is wrong.
	Open  bool
	Email string
	Error string
}

// pager holds the addresses of other parts of a list.
type pager struct{ First, Next string }

func newPager(base, cursor, next string) pager {
	var p pager
	if cursor != "" {
		p.First = base
	}
	if next != "" {
		p.Next = ui.WithQuery(base, "cursor", next)
	}
	return p
}

func (d *Door) usersPage(w http.ResponseWriter, r *http.Request) error {
	return d.showUsers(w, r, 0, usersView{})
}

func (d *Door) showUsers(w http.ResponseWriter, r *http.Request, status int, v usersView) error {
	cursor, l := r.URL.Query().Get("cursor"), d.kit.Locale(r)
	users, next, err := d.cfg.Accounts.List(r.Context(), identity.Page{Cursor: cursor, Limit: 100})
	if err != nil {
		return err
	}
	v.Users, v.Me = users, user(r).UserID
	v.Roles = []identity.Role{identity.Member, identity.Steward, identity.Admin}
	v.Pager = newPager(ui.Root+"/users", cursor, next)
	d.kit.Render(w, r, ui.Page{
		Name: "console/users", Title: l.T("users.title"), Active: "users", Status: status,
		Crumbs: []ui.Crumb{{Text: l.T("users.title")}}, Notice: ui.Done(r, l, "users.changed"), Data: v,
	})
	return nil
}

func (d *Door) createUser(w http.ResponseWriter, r *http.Request) error {
	if err := parse(r); err != nil {
		return err
	}
	n := identity.NewUser{
		Email: r.PostForm.Get("email"), Password: r.PostForm.Get("password"), Role: identity.Role(r.PostForm.Get("role")),
	}
	if _, err := d.cfg.Accounts.CreateUser(r.Context(), n); err != nil {
		if !shown(err) {
			return err
		}
		return d.showUsers(w, r, web.ErrorHeader(w, r, err), usersView{Open: true, Email: n.Email, Error: fault.Message(err)})
	}
	ui.Redirect(w, r, ui.Root+"/users", "users.changed")
	return nil
}

func (d *Door) setRole(w http.ResponseWriter, r *http.Request) error {
	if err := parse(r); err != nil {
		return err
	}
	return d.changeUser(w, r, d.cfg.Accounts.SetRole(r.Context(), r.PathValue("id"), identity.Role(r.PostForm.Get("role"))))
}

func (d *Door) enableUser(w http.ResponseWriter, r *http.Request) error {
	return d.changeUser(w, r, d.cfg.Accounts.Enable(r.Context(), r.PathValue("id")))
}

func (d *Door) disableUser(w http.ResponseWriter, r *http.Request) error {
	return d.changeUser(w, r, d.cfg.Accounts.Disable(r.Context(), r.PathValue("id")))
}

func (d *Door) changeUser(w http.ResponseWriter, r *http.Request, err error) error {
	if err != nil {
		return err
	}
	ui.Redirect(w, r, ui.Root+"/users", "users.changed")
	return nil
}
