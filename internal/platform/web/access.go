package web

import (
	"net/http"

	"granary/internal/platform/fault"
	"granary/internal/platform/identity"
)

// authenticate asks the door's authenticator. authErr is a refused
// credential on a route that needs one; it is returned apart so that the
// rate limit counts the attempt first.
func (s *Server) authenticate(r *http.Request, x *exchange, route Route) (p identity.Principal, known bool, authErr, err error) {
	// Health checks answer without asking a database that may be down.
	if x.door.Authenticate == nil || route.Unlimited && route.Access == Public {
		return p, false, nil, nil
	}
	claims := r.Header.Get("Authorization") != "" || r.Header.Get("Cookie") != ""
	failures := "f|" + addrKey(x.client)
	if claims && !route.Unlimited && s.limiter.exhausted(failures) {
		return p, false, nil, busy(fault.RateLimited, 0, "too many refused credentials, slow down")
	}
	p, known, authErr = x.door.Authenticate(r)
	if authErr == nil {
		return p, known, nil, nil
	}
	p, known = identity.Principal{}, false
	if kind := fault.Of(authErr); kind == fault.Unauthenticated || kind == fault.Invalid || kind == fault.Forbidden {
		s.limiter.take(failures)
		// An expired session must not keep anyone from the sign-in page, and
		// a door with its own identity rules words the refusal itself.
		if route.Access == Public || route.Access == ByDoor {
			authErr = nil
		}
	} else if route.Access == Public {
		LogError(r.Context(), authErr)
		authErr = nil
	}
	return p, known, authErr, nil
}

// authorize is the one place that holds access levels against a principal.
func authorize(route Route, p identity.Principal, known bool) error {
	if route.Access == Public {
		return nil
	}
	// A door that decides itself still knows nothing of tokens' scopes.
	if known && !p.Allows(route.Scope) {
		return fault.New(fault.Forbidden, "the token lacks the scope %s", route.Scope)
	}
	if route.Access == ByDoor {
		return nil
	}
	if !known {
		return fault.New(fault.Unauthenticated, "sign in first")
	}
	switch route.Access {
	case SignedIn:
		return nil
	case StewardOnly:
		if p.Role == identity.Steward || p.Role == identity.Admin {
			return nil
		}
		return fault.New(fault.Forbidden, "only stewards may do this")
	case AdminOnly:
		if p.Role == identity.Admin {
			return nil
		}
		return fault.New(fault.Forbidden, "only administrators may do this")
	case AccessUnset, Public, ByDoor:
	}
	return fault.New(fault.Forbidden, "not allowed")
}

// checkCrossSite refuses a request that another site makes a browser send
// with the user's cookies (and, for sign-in forms, to get cookies). No
// browser attaches a bearer token by itself, so those pass. A door
// with its own identity answers cross-site calls in its wire format, but
// never on the strength of a cookie that came along: there the caller
// becomes anonymous, as spec nachet §2 expects of unlisted origins.
func checkCrossSite(csrf *http.CrossOriginProtection, r *http.Request, route Route, p identity.Principal, known bool) (bool, error) {
	if csrf == nil || known && p.Method == identity.MethodToken {
		return known, nil
	}
	if err := csrf.Check(r); err != nil {
		if route.Access == ByDoor {
			return false, nil
		}
		return known, fault.New(fault.Forbidden, "the request came from another site")
	}
	return known, nil
}
