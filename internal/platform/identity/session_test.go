package identity_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"granary/internal/platform/database"
	"granary/internal/platform/database/databasetest"
	"granary/internal/platform/fault"
	"granary/internal/platform/identity"
)

const addr = "192.0.2.7:4711"

func mustSignIn(t *testing.T, s *identity.Service, email string) identity.Session {
	t.Helper()
	session, err := s.SignIn(t.Context(), email, goodPassword, addr)
	if err != nil {
		t.Fatalf("SignIn(%s): %v", email, err)
	}
	return session
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, sets, func(t *testing.T, db *database.DB) {
		s := newService(t, db, identity.Config{})
		user := mustCreate(t, s, identity.NewUser{Email: "ada@lab.example", Password: goodPassword})
		mustCreate(t, s, identity.NewUser{Email: "open@lab.example"})
		closed := mustCreate(t, s, identity.NewUser{Email: "closed@lab.example", Password: goodPassword})
		if err := s.Disable(asSystem(t), closed.ID); err != nil {
			t.Fatalf("Disable: %v", err)
		}
		session := mustSignIn(t, s, " ADA@lab.example")
		if session.User.ID != user.ID || session.ClientAddr != "192.0.2.7" {
			t.Errorf("SignIn = user %s at %s, want %s at 192.0.2.7", session.User.ID, session.ClientAddr, user.ID)
		}
		found, err := s.SessionBySecret(t.Context(), session.Secret)
		session.Secret = ""
		if diff := cmp.Diff(session, found); err != nil || diff != "" {
			t.Errorf("SessionBySecret: %v (-want +got):\n%s", err, diff)
		}
		for _, tc := range []struct{ name, email, password string }{
			{"wrong password", "ada@lab.example", "something else"},
			{"empty password", "ada@lab.example", ""},
			{"huge password", "ada@lab.example", strings.Repeat("x", 1<<20)},
			{"unknown account", "eve@lab.example", goodPassword},
			{"account without password", "open@lab.example", ""},
			{"disabled account", "closed@lab.example", goodPassword},
			{"hostile address", "a\x00\xff", goodPassword},
		} {
			_, err := s.SignIn(t.Context(), tc.email, tc.password, addr)
			wantKind(t, "SignIn: "+tc.name, err, fault.Unauthenticated)
			if got, want := fault.Message(err), "the e-mail address or the password is wrong"; got != want {
				t.Errorf("SignIn: %s says %q, want %q", tc.name, got, want)
			}
		}
		for _, secret := range []string{"", "x", strings.Repeat("A", 43)} {
			_, err := s.SessionBySecret(t.Context(), secret)
			wantKind(t, "SessionBySecret("+secret+")", err, fault.Unauthenticated)
		}
	})
}

func TestSessionExpiry(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, sets, func(t *testing.T, db *database.DB) {
		clock := newClock()
		s := newService(t, db, identity.Config{Now: clock.Now, SessionIdle: time.Hour, SessionAbsolute: 3 * time.Hour})
		mustCreate(t, s, identity.NewUser{Email: "ada@lab.example", Password: goodPassword})
		idle := mustSignIn(t, s, "ada@lab.example")
		busy := mustSignIn(t, s, "ada@lab.example")

		clock.Advance(30 * time.Second)
		got, err := s.SessionBySecret(t.Context(), busy.Secret)
		if err != nil || !got.LastSeenAt.Equal(busy.LastSeenAt) {
			t.Errorf("last seen within a minute = %v, %v, want the unchanged %v", got.LastSeenAt, err, busy.LastSeenAt)
		}
		clock.Advance(29 * time.Minute)
		for range 4 { // used every half hour: to 2 h 29 min 30 s
			if _, err := s.SessionBySecret(t.Context(), busy.Secret); err != nil {
				t.Fatalf("busy session at %v: %v", clock.Now(), err)
			}
			clock.Advance(30 * time.Minute)
		}
		_, err = s.SessionBySecret(t.Context(), idle.Secret)
		wantKind(t, "idle session", err, fault.Unauthenticated)
		got, err = s.SessionBySecret(t.Context(), busy.Secret)
		if err != nil || !got.ExpiresAt.Equal(busy.AbsoluteAt) {
			t.Errorf("busy session expires %v, %v, want the absolute %v", got.ExpiresAt, err, busy.AbsoluteAt)
		}
		clock.Advance(31 * time.Minute)
		_, err = s.SessionBySecret(t.Context(), busy.Secret)
		wantKind(t, "session past its absolute end", err, fault.Unauthenticated)

		fresh := mustSignIn(t, s, "ada@lab.example")
		var left []string
		if err := db.Reader().NewRaw("SELECT id FROM identity_sessions").Scan(t.Context(), &left); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{fresh.ID}, left); diff != "" {
			t.Errorf("sessions kept after sign-in (-want +got):\n%s", diff)
		}
	})
}

func TestSessionsAreBounded(t *testing.T) {
	t.Parallel()
	clock := newClock()
	s := newService(t, databasetest.Open(t, sets...), identity.Config{Now: clock.Now})
	user := mustCreate(t, s, identity.NewUser{Email: "ada@lab.example", Password: goodPassword})
	var first, last identity.Session
	for i := range 51 {
		clock.Advance(time.Second)
		session, err := s.SignIn(t.Context(), user.Email, goodPassword, fmt.Sprintf("192.0.2.%d:1", i))
		if err != nil {
			t.Fatalf("SignIn %d: %v", i, err)
		}
		if last = session; i == 0 {
			first = session
		}
	}
	sessions, err := s.Sessions(as(t, user), user.ID)
	if err != nil || len(sessions) != 50 || sessions[0].ID != last.ID {
		t.Errorf("Sessions = %d of them, %v, want 50 with the last first", len(sessions), err)
	}
	_, err = s.SessionBySecret(t.Context(), first.Secret)
	wantKind(t, "the session used longest ago", err, fault.Unauthenticated)
}

func TestEndingSessions(t *testing.T) {
	t.Parallel()
	const other = "another long passphrase"
	for name, tc := range map[string]struct {
		end       func(t *testing.T, s *identity.Service, first, second identity.Session) error
		wantAlive [2]bool
	}{
		"sign out": {func(t *testing.T, s *identity.Service, first, _ identity.Session) error {
			return errors.Join(s.SignOut(t.Context(), first.Secret), s.SignOut(t.Context(), first.Secret))
		}, [2]bool{false, true}},
		"sign out everywhere": {func(t *testing.T, s *identity.Service, first, _ identity.Session) error {
			return s.SignOutEverywhere(as(t, first.User), first.User.ID)
		}, [2]bool{false, false}},
		"change password": {func(t *testing.T, s *identity.Service, first, second identity.Session) error {
			err := s.ChangePassword(as(t, first.User), goodPassword, other, second.Secret, addr)
			if err != nil {
				return err
			}
			_, err = s.SignIn(t.Context(), first.User.Email, other, addr)
			return err
		}, [2]bool{false, true}},
		"set password": {func(t *testing.T, s *identity.Service, first, _ identity.Session) error {
			return s.SetPassword(asSystem(t), first.User.ID, other)
		}, [2]bool{false, false}},
		"disable": {func(t *testing.T, s *identity.Service, first, _ identity.Session) error {
			return s.Disable(asSystem(t), first.User.ID)
		}, [2]bool{false, false}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			databasetest.Each(t, sets, func(t *testing.T, db *database.DB) {
				s := newService(t, db, identity.Config{})
				mustCreate(t, s, identity.NewUser{Email: "ada@lab.example", Password: goodPassword})
				mustCreate(t, s, identity.NewUser{Email: "bob@lab.example", Password: goodPassword})
				first, second := mustSignIn(t, s, "ada@lab.example"), mustSignIn(t, s, "ada@lab.example")
				bystander := mustSignIn(t, s, "bob@lab.example")
				if err := tc.end(t, s, first, second); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				alive := func(session identity.Session) bool {
					_, err := s.SessionBySecret(t.Context(), session.Secret)
					return err == nil
				}
				if got := [2]bool{alive(first), alive(second)}; got != tc.wantAlive || !alive(bystander) {
					t.Errorf("after %s alive = %v, bystander %t, want %v, true", name, got, alive(bystander), tc.wantAlive)
				}
			})
		})
	}
}

func TestChangePasswordRefusals(t *testing.T) {
	t.Parallel()
	s := newService(t, databasetest.Open(t, sets...), identity.Config{})
	user := mustCreate(t, s, identity.NewUser{Email: "ada@lab.example", Password: goodPassword})
	token := identity.With(t.Context(), user.Principal(identity.MethodToken))
	for _, tc := range []struct {
		name      string
		ctx       context.Context
		old, next string
		kind      fault.Kind
	}{
		{"nobody", t.Context(), goodPassword, "another long passphrase", fault.Unauthenticated},
		{"a token", token, goodPassword, "another long passphrase", fault.Forbidden},
		{"wrong current", as(t, user), "wrong wrong wrong", "another long passphrase", fault.Unauthenticated},
		{"weak", as(t, user), goodPassword, "short", fault.Invalid},
	} {
		wantKind(t, "ChangePassword: "+tc.name, s.ChangePassword(tc.ctx, tc.old, tc.next, "", addr), tc.kind)
	}
	other := mustCreate(t, s, identity.NewUser{Email: "bob@lab.example"})
	wantKind(t, "SignOutEverywhere of somebody else", s.SignOutEverywhere(as(t, other), user.ID), fault.Forbidden)
	_, err := s.Sessions(as(t, other), user.ID)
	wantKind(t, "Sessions of somebody else", err, fault.Forbidden)
}

func TestSignInIsThrottled(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, sets, func(t *testing.T, db *database.DB) {
		clock := newClock()
		s := newService(t, db, identity.Config{Now: clock.Now})
		user := mustCreate(t, s, identity.NewUser{Email: "ada@lab.example", Password: goodPassword})
		for i := range 10 {
			_, err := s.SignIn(t.Context(), user.Email, "wrong wrong wrong", addr)
			wantKind(t, fmt.Sprintf("attempt %d", i+1), err, fault.Unauthenticated)
		}
		for range 3 { // the right password does not help either
			_, err := s.SignIn(t.Context(), user.Email, goodPassword, addr)
			var limited *fault.Error
			if !errors.As(err, &limited) || limited.Kind != fault.RateLimited || limited.RetryAfter != time.Minute {
				t.Fatalf("attempt beyond the limit = %v, want rate limited for 1m", err)
			}
		}
		if _, err := s.SignIn(t.Context(), user.Email, goodPassword, "198.51.100.1:1"); err != nil {
			t.Errorf("the owner from elsewhere = %v, want nil", err)
		}
		clock.Advance(time.Minute)
		if _, err := s.SignIn(t.Context(), user.Email, goodPassword, addr); err != nil {
			t.Errorf("after the delay = %v, want nil", err)
		}
		entries, _, err := s.Audit().List(asSystem(t), identity.AuditQuery{Action: "sign_in", Limit: 100})
		outcomes := map[string]int{}
		for _, e := range entries {
			outcomes[e.Outcome]++
		}
		if diff := cmp.Diff(map[string]int{"failed": 10, "refused": 1, "ok": 2}, outcomes); err != nil || diff != "" {
			t.Errorf("audited sign-ins: %v (-want +got):\n%s", err, diff)
		}
	})
}

func TestSessionCookie(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name       string
		publicURL  string
		secure     func(*http.Request) bool
		overTLS    bool
		wantName   string
		wantSecure bool
	}{
		{"plain", "", nil, false, "granary_session", false},
		{"tls", "", nil, true, "__Host-granary_session", true},
		{"tls at the public address", "HTTPS://granary.lab.example", nil, false, "__Host-granary_session", true},
		{"tls at a trusted proxy", "", func(*http.Request) bool { return true }, false, "__Host-granary_session", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := newService(t, databasetest.Open(t, sets...), identity.Config{PublicURL: tc.publicURL, Secure: tc.secure})
			user := mustCreate(t, s, identity.NewUser{Email: "ada@lab.example", Password: goodPassword})
			request := func(cookies ...*http.Cookie) *http.Request {
				r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/signin", nil)
				if tc.overTLS {
					r.TLS = &tls.ConnectionState{}
				}
				for _, c := range cookies {
					r.AddCookie(c)
				}
				return r
			}
			signIn := func(r *http.Request) *http.Cookie {
				w := httptest.NewRecorder()
				if _, err := s.StartSession(w, r, user.Email, goodPassword, addr); err != nil {
					t.Fatalf("StartSession: %v", err)
				}
				return w.Result().Cookies()[0]
			}
			chain := identity.Chain{s.BearerAuthenticator(), s.SessionAuthenticator()}
			alive := func(c *http.Cookie) bool {
				p, ok, err := chain.Authenticate(request(c))
				if err != nil {
					t.Fatalf("Authenticate: %v", err)
				}
				return ok && p.UserID == user.ID && p.Method == identity.MethodSession
			}
			first := signIn(request())
			if first.Name != tc.wantName || first.Secure != tc.wantSecure || !first.HttpOnly ||
				first.SameSite != http.SameSiteLaxMode || first.Path != "/" || first.Domain != "" || first.MaxAge <= 0 {
				t.Errorf("cookie = %v, want %s, secure %t, HttpOnly, Lax, Path=/", first, tc.wantName, tc.wantSecure)
			}
			second := signIn(request(first))
			if alive(first) || !alive(second) {
				t.Errorf("after another sign-in alive = %t, %t, want false, true", alive(first), alive(second))
			}
			w := httptest.NewRecorder()
			if err := s.EndSession(w, request(second)); err != nil {
				t.Fatalf("EndSession: %v", err)
			}
			if gone := w.Result().Cookies()[0]; gone.Name != tc.wantName || gone.MaxAge >= 0 || alive(second) {
				t.Errorf("after EndSession cookie = %v, alive %t, want removed, false", gone, alive(second))
			}
		})
	}
}
