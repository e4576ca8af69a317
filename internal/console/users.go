package console

import (
	"cmp"
	"context"
	"net/http"

	"granary/internal/console/ui"
	"granary/internal/platform/identity"
	"granary/internal/platform/web"
)

type usersView struct {
	Table ui.TableView[identity.User]
	Roles []identity.Role
	Me    string
	// Open shows the form at once, with what was typed and what is wrong.
	Open  bool
	Email string
	Error string
}

func (d *Door) usersPage(w http.ResponseWriter, r *http.Request) error {
	return d.showUsers(w, r, 0, usersView{})
}

func (d *Door) showUsers(w http.ResponseWriter, r *http.Request, status int, v usersView) error {
	table, done, err := d.usersTable().Page(w, r)
	if err != nil || done {
		return err
	}
	l := d.kit.Locale(r)
	v.Table, v.Me = table, user(r).UserID
	v.Roles = []identity.Role{identity.Member, identity.Steward, identity.Admin}
	d.kit.Render(w, r, ui.Page{
		Name: "console/users", Title: l.T("users.title"), Active: "users", Status: status,
		Crumbs: []ui.Crumb{{Text: l.T("users.title")}}, Notice: ui.Done(r, l, "users.changed"), Data: v,
	})
	return nil
}

func (d *Door) usersTable() ui.Table[identity.User] {
	return ui.Table[identity.User]{
		Name: "users", Key: func(u identity.User) string { return u.ID },
		Source: func(ctx context.Context, cursor string, limit int) ([]identity.User, string, error) {
			return d.cfg.Accounts.List(ctx, identity.Page{Cursor: cursor, Limit: limit})
		},
		Columns: []ui.Column[identity.User]{
			{
				ID: "email", Text: "field.email", Export: func(u identity.User) string { return u.Email },
				Compare: func(a, b identity.User) int { return cmp.Compare(a.Email, b.Email) },
			},
			{
				ID: "role", Text: "field.role", Export: func(u identity.User) string { return string(u.Role) },
				Compare: func(a, b identity.User) int { return cmp.Compare(a.Role, b.Role) },
			},
			{
				ID: "state", Text: "field.state", Export: userState,
				Compare: func(a, b identity.User) int { return cmp.Compare(userState(a), userState(b)) },
			},
			{
				ID: "created_at", Text: "field.created", Export: func(u identity.User) string { return ui.CSVTime(u.CreatedAt) },
				Compare: func(a, b identity.User) int { return a.CreatedAt.Compare(b.CreatedAt) },
			},
			{ID: "id", Text: "field.id", Export: func(u identity.User) string { return u.ID }},
			{ID: "act", Text: "field.actions", Class: "act"},
		},
	}
}

func userState(u identity.User) string {
	if u.Disabled {
		return "disabled"
	}
	return "active"
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
		return d.showUsers(w, r, web.ErrorHeader(w, r, err), usersView{Open: true, Email: n.Email, Error: d.kit.Explain(d.kit.Locale(r), err).Line()})
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
