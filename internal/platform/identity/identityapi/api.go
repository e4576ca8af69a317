// Package identityapi serves accounts, API tokens and the audit trail in
// Granary's own wire format under /api/v1. It holds no rules: who may do what
// is decided by [identity.Service] and by the access level of each route.
//
//	me, me/sessions, me/password   the caller
//	tokens                         the caller's API tokens
//	users, audit                   for admins
package identityapi

import (
	"context"
	"time"

	"granary/internal/platform/identity"
	"granary/internal/platform/web"
)

type api struct{ service *identity.Service }

// Register adds the routes to a native door.
func Register(n *web.Native, service *identity.Service) {
	a := api{service: service}
	a.registerMe(n)
	a.registerTokens(n)
	a.registerUsers(n)
	a.registerAudit(n)
}

// pageInput is the query of a list that is read in parts.
type pageInput struct {
	Cursor string `query:"cursor" maxLength:"1024" doc:"What the previous part returned as next."`
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50" doc:"How many to return."`
}

// UserPath names an account. It is exported because huma reads only exported
// embedded fields.
type UserPath struct {
	ID string `path:"id" maxLength:"64" doc:"Id of the user."`
}

// none is an answer without a body.
type none struct{}

// User is an account on the wire.
type User struct {
	ID          string        `json:"id"`
	Email       string        `json:"email"`
	DisplayName string        `json:"display_name"`
	Role        identity.Role `json:"role" enum:"member,steward,admin"`
	HasPassword bool          `json:"has_password" doc:"Whether the account can sign in with a password."`
	Disabled    bool          `json:"disabled"`
	CreatedAt   time.Time     `json:"created_at"`
	UpdatedAt   time.Time     `json:"updated_at"`
}

func newUser(u identity.User) User {
	return User{
		ID: u.ID, Email: u.Email, DisplayName: u.DisplayName, Role: u.Role, HasPassword: u.HasPassword,
		Disabled: u.Disabled, CreatedAt: u.CreatedAt, UpdatedAt: u.UpdatedAt,
	}
}

// optional leaves a zero time out of the answer.
func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// caller returns the principal that the route's access level promised.
func caller(ctx context.Context) (identity.Principal, error) { return identity.Require(ctx) }
