package identity

import "net/http"

const (
	cookieName = "granary_session"
	// hostPrefix makes browsers insist on Secure, Path=/ and no Domain
	// (RFC 6265bis, section 4.1.3.2).
	hostPrefix = "__Host-"
	// base64SecretLen is the length of a cookie's value.
	base64SecretLen = (secretBytes*8 + 5) / 6
)

// StartSession signs in and sets the session cookie. A session that the
// request carried already ends, so that an identifier planted before the
// sign-in is worth nothing after it. Errors as of SignIn.
func (s *Service) StartSession(w http.ResponseWriter, r *http.Request, email, password, clientAddr string) (Session, error) {
	session, err := s.SignIn(r.Context(), email, password, clientAddr)
	if err != nil {
		return Session{}, err
	}
	if old, ok := s.SessionSecret(r); ok {
		if err := s.SignOut(r.Context(), old); err != nil {
			return Session{}, err
		}
	}
	s.SetSessionCookie(w, r, session)
	return session, nil
}

// EndSession signs out the request's session, if any, and removes its cookie.
func (s *Service) EndSession(w http.ResponseWriter, r *http.Request) error {
	secret, ok := s.SessionSecret(r)
	if !ok {
		return nil
	}
	if err := s.SignOut(r.Context(), secret); err != nil {
		return err
	}
	cookie := s.cookie(r) //nolint:gosec // cookie sets HttpOnly and SameSite, and Secure where it can
	cookie.MaxAge = -1
	http.SetCookie(w, cookie)
	return nil
}

// SetSessionCookie gives the session to the browser. The cookie outlives the
// browser's window; the server decides when the session ends.
func (s *Service) SetSessionCookie(w http.ResponseWriter, r *http.Request, session Session) {
	cookie := s.cookie(r) //nolint:gosec // cookie sets HttpOnly and SameSite, and Secure where it can
	cookie.Value = session.Secret
	cookie.MaxAge = int(session.AbsoluteAt.Sub(s.now()).Seconds())
	http.SetCookie(w, cookie)
}

// SessionSecret returns the value of the request's session cookie, if any. It
// says nothing about whether the session lives.
func (s *Service) SessionSecret(r *http.Request) (string, bool) {
	cookie, err := r.Cookie(s.cookie(r).Name)
	if err != nil || cookie.Value == "" {
		return "", false
	}
	return cookie.Value, true
}

func (s *Service) cookie(r *http.Request) *http.Cookie {
	cookie := &http.Cookie{Name: cookieName, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode}
	if s.cfg.Secure(r) || s.cfg.publicIsHTTPS() {
		cookie.Name, cookie.Secure = hostPrefix+cookieName, true
	}
	return cookie
}
