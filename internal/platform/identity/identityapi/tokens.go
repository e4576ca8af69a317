package identityapi

import (
	"context"
	"time"

	"granary/internal/platform/identity"
	"granary/internal/platform/web"
)

// Token is an API token on the wire.
type Token struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Prefix     string     `json:"prefix" doc:"Beginning of the token's text."`
	Scopes     []string   `json:"scopes" doc:"Empty means all that the owner's role allows."`
	CreatedAt  time.Time  `json:"created_at"`
	ExpiresAt  time.Time  `json:"expires_at"`
	LastUsedAt *time.Time `json:"last_used_at,omitempty" doc:"Exact to a minute."`
	RevokedAt  *time.Time `json:"revoked_at,omitempty"`
}

func newToken(t identity.Token) Token {
	return Token{
		ID: t.ID, Name: t.Name, Prefix: t.Prefix, Scopes: append([]string{}, t.Scopes...), CreatedAt: t.CreatedAt,
		ExpiresAt: t.ExpiresAt, LastUsedAt: optional(t.LastUsedAt), RevokedAt: optional(t.RevokedAt),
	}
}

type tokensOutput struct {
	Body struct {
		Tokens []Token `json:"tokens"`
	}
}

type createTokenInput struct {
	Body struct {
		Name      string     `json:"name" minLength:"1" maxLength:"200" doc:"What the token is for." example:"field laptop"`
		Scopes    []string   `json:"scopes,omitempty" maxItems:"3" enum:"read,write,admin" doc:"Left out, the token may do all that the owner's role allows."`
		ExpiresAt *time.Time `json:"expires_at,omitempty" doc:"At most 366 days away; 90 days when left out."`
	}
}

type createTokenOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         struct {
		Token
		Secret string `json:"secret" doc:"The token's text, for Authorization: Bearer. It is shown this once."`
	}
}

type tokenInput struct {
	ID string `path:"id" maxLength:"64" doc:"Id of the token."`
}

func (a api) registerTokens(n *web.Native) {
	web.Handle(n, web.Operation{
		Method: "GET", Path: "/api/v1/tokens", Access: web.SignedIn, Scope: identity.ScopeRead,
		Summary: "List the caller's API tokens",
	}, a.tokens)
	web.Handle(n, web.Operation{
		Method: "POST", Path: "/api/v1/tokens", Access: web.SignedIn, Scope: identity.ScopeWrite, Status: 201,
		Summary: "Create an API token", Description: "Only for a signed-in person: a token cannot make another.",
	}, a.createToken)
	web.Handle(n, web.Operation{
		Method: "DELETE", Path: "/api/v1/tokens/{id}", Access: web.SignedIn, Scope: identity.ScopeWrite,
		Summary: "Revoke an API token", Description: "The caller's own; admins may revoke anybody's.",
	}, a.revokeToken)
}

func (a api) tokens(ctx context.Context, _ *struct{}) (*tokensOutput, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	tokens, err := a.service.Tokens(ctx, p.UserID)
	if err != nil {
		return nil, err
	}
	out := &tokensOutput{}
	out.Body.Tokens = make([]Token, len(tokens))
	for i, t := range tokens {
		out.Body.Tokens[i] = newToken(t)
	}
	return out, nil
}

func (a api) createToken(ctx context.Context, in *createTokenInput) (*createTokenOutput, error) {
	n := identity.NewToken{Name: in.Body.Name, Scopes: in.Body.Scopes}
	if in.Body.ExpiresAt != nil {
		n.ExpiresAt = *in.Body.ExpiresAt
	}
	t, err := a.service.CreateToken(ctx, n)
	if err != nil {
		return nil, err
	}
	out := &createTokenOutput{CacheControl: "no-store"}
	out.Body.Token, out.Body.Secret = newToken(t), t.Secret
	return out, nil
}

func (a api) revokeToken(ctx context.Context, in *tokenInput) (*none, error) {
	return nil, a.service.RevokeToken(ctx, in.ID)
}
