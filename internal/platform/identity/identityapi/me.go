package identityapi

import (
	"context"
	"time"

	"granary/internal/platform/identity"
	"granary/internal/platform/web"
)

type meOutput struct {
	Body struct {
		User
		Method string   `json:"method" enum:"session,token,vouch" doc:"How the caller proved who it is."`
		Scopes []string `json:"scopes" doc:"What the token is limited to; empty means all that the role allows."`
	}
}

type session struct {
	ID         string    `json:"id"`
	ClientAddr string    `json:"client_addr"`
	CreatedAt  time.Time `json:"created_at"`
	LastSeenAt time.Time `json:"last_seen_at" doc:"Exact to a minute."`
	ExpiresAt  time.Time `json:"expires_at" doc:"When it ends if it is not used."`
	AbsoluteAt time.Time `json:"absolute_at" doc:"When it ends anyhow."`
}

type sessionsOutput struct {
	Body struct {
		Sessions []session `json:"sessions"`
	}
}

type changePasswordInput struct {
	Body struct {
		Current string `json:"current_password" maxLength:"512"`
		New     string `json:"new_password" maxLength:"512" doc:"10 to 128 characters."`
	}
}

func (a api) registerMe(n *web.Native) {
	web.Handle(n, web.Operation{
		Method: "GET", Path: "/api/v1/me", Access: web.SignedIn, Scope: identity.ScopeRead,
		Summary: "Who the caller is",
	}, a.me)
	web.Handle(n, web.Operation{
		Method: "GET", Path: "/api/v1/me/sessions", Access: web.SignedIn, Scope: identity.ScopeRead,
		Summary: "List the caller's signed-in browsers",
	}, a.sessions)
	web.Handle(n, web.Operation{
		Method: "DELETE", Path: "/api/v1/me/sessions", Access: web.SignedIn, Scope: identity.ScopeWrite,
		Summary: "Sign the caller out everywhere", Description: "API tokens stay.",
	}, a.signOutEverywhere)
	web.Handle(n, web.Operation{
		Method: "PUT", Path: "/api/v1/me/password", Access: web.SignedIn, Scope: identity.ScopeWrite,
		Summary: "Change the caller's password", Description: "Every session of the caller ends. Not for API tokens.",
	}, a.changePassword)
}

func (a api) me(ctx context.Context, _ *struct{}) (*meOutput, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	u, err := a.service.UserByID(ctx, p.UserID)
	if err != nil {
		return nil, err
	}
	out := &meOutput{}
	out.Body.User, out.Body.Method, out.Body.Scopes = newUser(u), p.Method, append([]string{}, p.Scopes...)
	return out, nil
}

func (a api) sessions(ctx context.Context, _ *struct{}) (*sessionsOutput, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	sessions, err := a.service.Sessions(ctx, p.UserID)
	if err != nil {
		return nil, err
	}
	out := &sessionsOutput{}
	out.Body.Sessions = make([]session, len(sessions))
	for i, s := range sessions {
		out.Body.Sessions[i] = session{
			ID: s.ID, ClientAddr: s.ClientAddr, CreatedAt: s.CreatedAt, LastSeenAt: s.LastSeenAt,
			ExpiresAt: s.ExpiresAt, AbsoluteAt: s.AbsoluteAt,
		}
	}
	return out, nil
}

func (a api) signOutEverywhere(ctx context.Context, _ *struct{}) (*none, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	return nil, a.service.SignOutEverywhere(ctx, p.UserID)
}

func (a api) changePassword(ctx context.Context, in *changePasswordInput) (*none, error) {
	return nil, a.service.ChangePassword(ctx, in.Body.Current, in.Body.New, "", web.ClientAddr(ctx).String())
}
