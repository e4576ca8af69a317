package identity

import (
	"net/http"
	"strings"

	"granary/internal/platform/fault"
)

// Authenticator finds out from a request who is calling. It is the seam for
// further ways to sign in.
type Authenticator interface {
	// Authenticate returns the principal and true; false when the request
	// carries nothing that this authenticator reads; or an error when it does
	// but must be refused (Unauthenticated, Forbidden) or cannot be checked.
	Authenticate(r *http.Request) (Principal, bool, error)
}

// Chain asks each authenticator in turn; the first principal or error decides.
type Chain []Authenticator

var (
	_ Authenticator = Chain(nil)
	_ Authenticator = sessionAuthenticator{}
	_ Authenticator = bearerAuthenticator{}
	_ Authenticator = vouchAuthenticator{}
)

// Authenticate implements Authenticator.
func (c Chain) Authenticate(r *http.Request) (Principal, bool, error) {
	for _, a := range c {
		if p, ok, err := a.Authenticate(r); ok || err != nil {
			return p, ok, err
		}
	}
	return Principal{}, false, nil
}

type sessionAuthenticator struct{ s *Service }

// SessionAuthenticator accepts the session cookie. A cookie of a session that
// has ended is as good as none, so that public pages stay readable.
func (s *Service) SessionAuthenticator() Authenticator { return sessionAuthenticator{s} }

func (a sessionAuthenticator) Authenticate(r *http.Request) (Principal, bool, error) {
	secret, ok := a.s.SessionSecret(r)
	if !ok {
		return Principal{}, false, nil
	}
	session, err := a.s.SessionBySecret(r.Context(), secret)
	if fault.Is(err, fault.Unauthenticated) {
		return Principal{}, false, nil
	}
	if err != nil {
		return Principal{}, false, err
	}
	return session.User.Principal(MethodSession), true, nil
}

type bearerAuthenticator struct{ s *Service }

// BearerAuthenticator accepts an API token in the Authorization header
// (RFC 6750, section 2.1). Bearer values that do not begin with TokenPrefix
// are left to other authenticators.
func (s *Service) BearerAuthenticator() Authenticator { return bearerAuthenticator{s} }

func (a bearerAuthenticator) Authenticate(r *http.Request) (Principal, bool, error) {
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	secret = strings.TrimSpace(secret)
	if !strings.EqualFold(scheme, "Bearer") || !strings.HasPrefix(secret, TokenPrefix) {
		return Principal{}, false, nil
	}
	p, err := a.s.PrincipalByToken(r.Context(), secret)
	return p, err == nil, err
}

type vouchAuthenticator struct{ s *Service }

// VouchAuthenticator accepts the Vouch cookie of somebody who has an account.
// A stranger's sound cookie counts as nobody, so that a door may create the
// account. Errors: one of the ErrVouch errors; Forbidden for a disabled account.
func (s *Service) VouchAuthenticator() Authenticator { return vouchAuthenticator{s} }

func (a vouchAuthenticator) Authenticate(r *http.Request) (Principal, bool, error) {
	email, present, err := a.s.VouchEmail(r)
	if err != nil || !present {
		return Principal{}, false, err
	}
	user, err := a.s.UserByEmail(r.Context(), email)
	switch {
	case fault.Is(err, fault.NotFound):
		return Principal{}, false, nil
	case err != nil:
		return Principal{}, false, err
	case user.Disabled:
		return Principal{}, false, fault.New(fault.Forbidden, "this account is disabled")
	}
	return user.Principal(MethodVouch), true, nil
}
