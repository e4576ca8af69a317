package identityapi

import (
	"context"

	"granary/internal/platform/identity"
	"granary/internal/platform/web"
)

type userOutput struct{ Body User }

type usersOutput struct {
	Body struct {
		Users []User `json:"users"`
		Next  string `json:"next,omitempty" doc:"Cursor of the next part; absent at the end."`
	}
}

type createUserInput struct {
	Body struct {
		Email       string        `json:"email" minLength:"3" maxLength:"254"`
		DisplayName string        `json:"display_name,omitempty" maxLength:"200"`
		Role        identity.Role `json:"role,omitempty" enum:"member,steward,admin" default:"member"`
		Password    string        `json:"password,omitempty" maxLength:"512" doc:"10 to 128 characters. Left out, the account cannot sign in with a password."`
	}
}

type roleInput struct {
	UserPath
	Body struct {
		Role identity.Role `json:"role" enum:"member,steward,admin"`
	}
}

type disabledInput struct {
	UserPath
	Body struct {
		Disabled bool `json:"disabled"`
	}
}

type passwordInput struct {
	UserPath
	Body struct {
		Password string `json:"password" maxLength:"512" doc:"10 to 128 characters."`
	}
}

func (a api) registerUsers(n *web.Native) {
	operation := func(method, path, summary, description string, status int) web.Operation {
		return web.Operation{
			Method: method, Path: path, Access: web.AdminOnly, Scope: identity.ScopeAdmin,
			Summary: summary, Description: description, Status: status,
		}
	}
	web.Handle(n, operation("GET", "/api/v1/users", "List accounts", "In the order of their addresses.", 0), a.users)
	web.Handle(n, operation("POST", "/api/v1/users", "Create an account", "", 201), a.createUser)
	web.Handle(n, operation("GET", "/api/v1/users/{id}", "Read an account", "", 0), a.user)
	web.Handle(n, operation("PUT", "/api/v1/users/{id}/role", "Change an account's role",
		"It holds from the account's next request. The last administrator stays one.", 0), a.setRole)
	web.Handle(n, operation("PUT", "/api/v1/users/{id}/disabled", "Disable or enable an account",
		"Disabling ends the account's sessions; its tokens are refused.", 0), a.setDisabled)
	web.Handle(n, operation("PUT", "/api/v1/users/{id}/password", "Set an account's password",
		"All sessions of the account end.", 0), a.setPassword)
	web.Handle(n, operation("DELETE", "/api/v1/users/{id}/sessions", "Sign an account out everywhere", "API tokens stay.", 0), a.endSessions)
}

func (a api) users(ctx context.Context, in *pageInput) (*usersOutput, error) {
	users, next, err := a.service.List(ctx, identity.Page{Cursor: in.Cursor, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	out := &usersOutput{}
	out.Body.Next = next
	out.Body.Users = make([]User, len(users))
	for i, u := range users {
		out.Body.Users[i] = newUser(u)
	}
	return out, nil
}

func (a api) createUser(ctx context.Context, in *createUserInput) (*userOutput, error) {
	u, err := a.service.CreateUser(ctx, identity.NewUser{
		Email: in.Body.Email, DisplayName: in.Body.DisplayName, Role: in.Body.Role, Password: in.Body.Password,
	})
	return answer(u, err)
}

func (a api) user(ctx context.Context, in *UserPath) (*userOutput, error) {
	u, err := a.service.UserByID(ctx, in.ID)
	return answer(u, err)
}

func (a api) setRole(ctx context.Context, in *roleInput) (*userOutput, error) {
	return a.after(ctx, in.ID, a.service.SetRole(ctx, in.ID, in.Body.Role))
}

func (a api) setDisabled(ctx context.Context, in *disabledInput) (*userOutput, error) {
	change := a.service.Enable
	if in.Body.Disabled {
		change = a.service.Disable
	}
	return a.after(ctx, in.ID, change(ctx, in.ID))
}

func (a api) setPassword(ctx context.Context, in *passwordInput) (*userOutput, error) {
	return a.after(ctx, in.ID, a.service.SetPassword(ctx, in.ID, in.Body.Password))
}

func (a api) endSessions(ctx context.Context, in *UserPath) (*none, error) {
	return nil, a.service.SignOutEverywhere(ctx, in.ID)
}

// after answers a change with the account as it stands.
func (a api) after(ctx context.Context, id string, err error) (*userOutput, error) {
	if err != nil {
		return nil, err
	}
	return a.user(ctx, &UserPath{ID: id})
}

func answer(u identity.User, err error) (*userOutput, error) {
	if err != nil {
		return nil, err
	}
	return &userOutput{Body: newUser(u)}, nil
}
