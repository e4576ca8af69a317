package identity_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"granary/internal/platform/database"
	"granary/internal/platform/database/databasetest"
	"granary/internal/platform/fault"
	"granary/internal/platform/identity"
)

func TestTokenLife(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, sets, func(t *testing.T, db *database.DB) {
		clock := newClock()
		s := newService(t, db, identity.Config{Now: clock.Now})
		user := mustCreate(t, s, identity.NewUser{Email: "ada@lab.example", Role: identity.Steward})
		create := func(n identity.NewToken) identity.Token {
			t.Helper()
			token, err := s.CreateToken(as(t, user), n)
			if err != nil {
				t.Fatalf("CreateToken: %v", err)
			}
			return token
		}
		bearer := func(text string) (identity.Principal, bool, error) {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
			r.Header.Set("Authorization", text)
			return s.BearerAuthenticator().Authenticate(r)
		}
		scoped := create(identity.NewToken{Name: " laptop ", Scopes: []string{"write", "read", "read"}, ExpiresAt: clock.Now().Add(time.Hour)})
		if !regexp.MustCompile(`^gry_[a-z2-7]{58}$`).MatchString(scoped.Secret) || !strings.HasPrefix(scoped.Secret, scoped.Prefix) {
			t.Errorf("token text %q with prefix %q, want gry_ and 58 characters", scoped.Secret, scoped.Prefix)
		}
		p, ok, err := bearer("bearer " + scoped.Secret)
		want := identity.Principal{UserID: user.ID, Email: user.Email, Role: identity.Steward, Method: "token", Scopes: []string{"read", "write"}}
		if diff := cmp.Diff(want, p); !ok || err != nil || diff != "" {
			t.Errorf("Authenticate = %t, %v (-want +got):\n%s", ok, err, diff)
		}
		tokens, err := s.Tokens(as(t, user), user.ID)
		wantToken := scoped
		wantToken.Secret, wantToken.LastUsedAt = "", clock.Now()
		if diff := cmp.Diff([]identity.Token{wantToken}, tokens); err != nil || diff != "" {
			t.Errorf("Tokens: %v (-want +got):\n%s", err, diff)
		}

		revoked := create(identity.NewToken{Name: "lost"})
		if p, ok, err := bearer("Bearer " + revoked.Secret); !ok || err != nil || len(p.Scopes) != 0 {
			t.Errorf("full token = %+v, %t, %v, want it without scopes", p, ok, err)
		}
		if err := s.RevokeToken(as(t, user), revoked.ID); err != nil {
			t.Fatalf("RevokeToken: %v", err)
		}
		mistyped := scoped.Secret[:20] + string('a'+('b'-scoped.Secret[20])%2) + scoped.Secret[21:]
		for name, text := range map[string]string{
			"revoked": revoked.Secret, "cut": scoped.Secret[:40], "mistyped": mistyped, "upper case": "gry_" + strings.ToUpper(scoped.Secret[4:]),
		} {
			_, ok, err := bearer("Bearer " + text)
			if wantKind(t, name, err, fault.Unauthenticated); ok {
				t.Errorf("%s token was accepted", name)
			}
		}
		for _, header := range []string{"", "Bearer", "Bearer eyJhbGciOiJIUzI1NiJ9.e30.x", "Basic " + scoped.Secret} {
			if _, ok, err := bearer(header); ok || err != nil {
				t.Errorf("Authenticate(%q) = %t, %v, want nobody and no error", header, ok, err)
			}
		}
		clock.Advance(time.Hour)
		_, _, err = bearer("Bearer " + scoped.Secret)
		wantKind(t, "expired token", err, fault.Unauthenticated)

		other := create(identity.NewToken{Name: "other"})
		if err := s.Disable(asSystem(t), user.ID); err != nil {
			t.Fatalf("Disable: %v", err)
		}
		_, _, err = bearer("Bearer " + other.Secret)
		wantKind(t, "token of a disabled account", err, fault.Unauthenticated)
	})
}

func TestTokenRefusals(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, sets, func(t *testing.T, db *database.DB) {
		clock := newClock()
		s := newService(t, db, identity.Config{Now: clock.Now})
		user := mustCreate(t, s, identity.NewUser{Email: "ada@lab.example"})
		other := mustCreate(t, s, identity.NewUser{Email: "bob@lab.example"})
		admin := mustCreate(t, s, identity.NewUser{Email: "root@lab.example", Role: identity.Admin})
		byToken := identity.With(t.Context(), user.Principal(identity.MethodToken))
		for _, tc := range []struct {
			name  string
			ctx   context.Context
			token identity.NewToken
			kind  fault.Kind
		}{
			{"nobody", t.Context(), identity.NewToken{Name: "x"}, fault.Unauthenticated},
			{"a token makes a token", byToken, identity.NewToken{Name: "x"}, fault.Forbidden},
			{"for somebody else", as(t, other), identity.NewToken{Name: "x", UserID: user.ID}, fault.Forbidden},
			{"an admin for somebody else", as(t, admin), identity.NewToken{Name: "x", UserID: user.ID}, fault.Forbidden},
			{"no name", as(t, user), identity.NewToken{Name: " "}, fault.Invalid},
			{"unknown scope", as(t, user), identity.NewToken{Name: "x", Scopes: []string{"everything"}}, fault.Invalid},
			{"expired", as(t, user), identity.NewToken{Name: "x", ExpiresAt: clock.Now()}, fault.Invalid},
			{"for ever", as(t, user), identity.NewToken{Name: "x", ExpiresAt: clock.Now().AddDate(2, 0, 0)}, fault.Invalid},
			{"of no account", asSystem(t), identity.NewToken{Name: "x", UserID: "nobody"}, fault.NotFound},
		} {
			_, err := s.CreateToken(tc.ctx, tc.token)
			wantKind(t, "CreateToken: "+tc.name, err, tc.kind)
		}
		token, err := s.CreateToken(asSystem(t), identity.NewToken{Name: "x", UserID: user.ID})
		if err != nil {
			t.Fatalf("CreateToken by a command: %v", err)
		}
		wantKind(t, "RevokeToken of somebody else", s.RevokeToken(as(t, other), token.ID), fault.NotFound)
		wantKind(t, "RevokeToken of none", s.RevokeToken(as(t, user), "7"), fault.NotFound)
		_, err = s.Tokens(as(t, other), user.ID)
		wantKind(t, "Tokens of somebody else", err, fault.Forbidden)
		if err := s.RevokeToken(as(t, admin), token.ID); err != nil {
			t.Errorf("RevokeToken by an admin = %v, want nil", err)
		}
	})
}

func TestTokensAreBounded(t *testing.T) {
	t.Parallel()
	clock := newClock()
	s := newService(t, databasetest.Open(t, sets...), identity.Config{Now: clock.Now})
	user := mustCreate(t, s, identity.NewUser{Email: "ada@lab.example"})
	for i := range 100 {
		_, err := s.CreateToken(as(t, user), identity.NewToken{Name: fmt.Sprint(i), ExpiresAt: clock.Now().Add(time.Hour)})
		if err != nil {
			t.Fatalf("CreateToken %d: %v", i, err)
		}
	}
	_, err := s.CreateToken(as(t, user), identity.NewToken{Name: "one too many"})
	wantKind(t, "CreateToken beyond the bound", err, fault.Conflict)
	clock.Advance(91 * 24 * time.Hour)
	if _, err := s.CreateToken(as(t, user), identity.NewToken{Name: "later"}); err != nil {
		t.Errorf("CreateToken after the others died = %v, want nil", err)
	}
	if tokens, err := s.Tokens(as(t, user), user.ID); err != nil || len(tokens) != 1 {
		t.Errorf("Tokens = %d of them, %v, want 1", len(tokens), err)
	}
}
