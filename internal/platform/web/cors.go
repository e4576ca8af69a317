package web

import (
	"net/http"
	"slices"
)

// corsPolicy answers browsers on other origins: an exact list, echoed with
// credentials, as spec nachet §2 observed it. The zero policy says nothing.
type corsPolicy struct{ origins []string }

func newCORSPolicy(origins []string) corsPolicy { return corsPolicy{origins: slices.Clone(origins)} }

// ordinary adds the headers of an ordinary answer and reports whether the
// request's origin is on the list.
func (c corsPolicy) ordinary(w http.ResponseWriter, r *http.Request) bool {
	if len(c.origins) == 0 {
		return false
	}
	h := w.Header()
	h.Add("Vary", "Origin") // for unlisted origins too: a cache must not mix them
	origin := r.Header.Get("Origin")
	if origin == "" || !slices.Contains(c.origins, origin) {
		return false
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Allow-Credentials", "true")
	return true
}

// preflight adds the headers of the answer to an OPTIONS request.
func (c corsPolicy) preflight(w http.ResponseWriter, r *http.Request) {
	if !c.ordinary(w, r) || r.Header.Get("Access-Control-Request-Method") == "" {
		return
	}
	h := w.Header()
	// Echoed because the nachet front end asks for access-control-allow-origin,
	// a response header that it sends by mistake, and must be granted it.
	if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" {
		h.Set("Access-Control-Allow-Headers", asked)
	}
	h.Set("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
	h.Set("Access-Control-Max-Age", "86400")
}
