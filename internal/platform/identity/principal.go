package identity

import (
	"context"
	"slices"

	"granary/internal/platform/fault"
)

// Role is what an account may do in the whole house.
type Role string

// The roles, from least to most. A steward sees every owner's objects for
// review but changes no account; an admin does everything.
const (
	Member  Role = "member"
	Steward Role = "steward"
	Admin   Role = "admin"
)

// Valid reports whether r is one of the roles.
func (r Role) Valid() bool { return r == Member || r == Steward || r == Admin }

// The scopes of an API token. A token without scopes may do all that its
// owner's role allows.
const (
	// ScopeRead allows requests that change nothing.
	ScopeRead = "read"
	// ScopeWrite allows requests that change something.
	ScopeWrite = "write"
	// ScopeAdmin allows what only stewards and admins may do, if the owner is one.
	ScopeAdmin = "admin"
)

// The ways in which a caller proves who it is, in Principal.Method.
const (
	MethodSession = "session"
	MethodToken   = "token"
	MethodVouch   = "vouch"
	MethodSystem  = "system"
)

// Principal is who a request speaks for.
type Principal struct {
	UserID string
	Email  string
	Role   Role
	// Method is how the caller proved it: one of the methods above.
	Method string
	// Scopes limit what an API token may do; empty means all its role allows.
	Scopes []string
}

// Allows reports whether the principal's scopes include scope.
func (p Principal) Allows(scope string) bool {
	return len(p.Scopes) == 0 || slices.Contains(p.Scopes, scope)
}

// System returns the principal of work that no person asked for over HTTP:
// commands on the server's own machine and jobs. It may do everything.
func System() Principal { return Principal{Role: Admin, Method: MethodSystem} }

// IsAdmin reports whether the principal may do everything.
func (p Principal) IsAdmin() bool { return p.Role == Admin }

type contextKey struct{}

// With returns a context that carries p.
func With(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, contextKey{}, p)
}

// From returns the principal that the context carries, if any.
func From(ctx context.Context) (Principal, bool) {
	p, ok := ctx.Value(contextKey{}).(Principal)
	return p, ok
}

// Require returns the principal or an Unauthenticated error.
func Require(ctx context.Context) (Principal, error) {
	if p, ok := From(ctx); ok {
		return p, nil
	}
	return Principal{}, fault.New(fault.Unauthenticated, "sign in first")
}
