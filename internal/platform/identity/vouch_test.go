package identity_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"granary/internal/platform/database/databasetest"
	"granary/internal/platform/fault"
	"granary/internal/platform/identity"
)

const vouchSecret = "a secret that the proxy and the server share"

func sign(tb testing.TB, method jwt.SigningMethod, key any, claims jwt.MapClaims) string {
	tb.Helper()
	text, err := jwt.NewWithClaims(method, claims).SignedString(key)
	if err != nil {
		tb.Fatalf("sign: %v", err)
	}
	return text
}

func pack(tb testing.TB, text string) []byte {
	tb.Helper()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write([]byte(text)); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return packed.Bytes()
}

func cookieValue(tb testing.TB, token string) string {
	tb.Helper()
	return base64.URLEncoding.EncodeToString(pack(tb, token))
}

func claimsOf(email any, expiry time.Time) jwt.MapClaims {
	return jwt.MapClaims{"iss": "Vouch", "exp": expiry.Unix(), "username": "u", "CustomClaims": map[string]any{"email": email}}
}

func withCookies(tb testing.TB, pairs ...string) *http.Request {
	tb.Helper()
	r := httptest.NewRequestWithContext(tb.Context(), http.MethodPost, "/get-user-id", nil)
	for i := 0; i < len(pairs); i += 2 {
		r.Header.Add("Cookie", pairs[i]+"="+pairs[i+1])
	}
	return r
}

func TestVouchEmail(t *testing.T) {
	t.Parallel()
	clock := newClock()
	hs256, key := jwt.SigningMethodHS256, []byte(vouchSecret)
	now := clock.Now()
	good := sign(t, hs256, key, claimsOf("ada@lab.example", now.Add(time.Hour)))
	packed := cookieValue(t, good)
	without := func(drop string) string {
		claims := claimsOf("ada@lab.example", now.Add(time.Hour))
		delete(claims, drop)
		return cookieValue(t, sign(t, hs256, key, claims))
	}
	notBefore := func(d time.Duration) string {
		claims := claimsOf("ada@lab.example", now.Add(time.Hour))
		claims["nbf"] = now.Add(d).Unix()
		return cookieValue(t, sign(t, hs256, key, claims))
	}
	const name = "jxVouchCookie"
	verified := identity.VouchConfig{Secret: vouchSecret}
	believed := identity.VouchConfig{AllowUnverified: true}
	third := len(packed) / 3
	for _, tc := range []struct {
		name    string
		cfg     identity.VouchConfig
		cookies []string
		present bool
		want    error // nil wants ada@lab.example when present
	}{
		{"good", verified, []string{name, packed}, true, nil},
		{"unpadded", verified, []string{name, strings.TrimRight(packed, "=")}, true, nil},
		{"standard alphabet", verified, []string{name, base64.StdEncoding.EncodeToString(pack(t, good))}, true, nil},
		{"split, out of order", verified, []string{
			name + "_3of3", packed[2*third:], name + "_1of3", packed[:third], name + "_2of3", packed[third : 2*third],
		}, true, nil},
		{"other cookie name", identity.VouchConfig{Secret: vouchSecret, CookieName: "Vouch"}, []string{"Vouch", packed}, true, nil},
		{"issuer", identity.VouchConfig{Secret: vouchSecret, Issuer: "Vouch"}, []string{name, packed}, true, nil},
		{"50 s late", verified, []string{name, cookieValue(t, sign(t, hs256, key, claimsOf("ada@lab.example", now.Add(-50*time.Second))))}, true, nil},
		{"50 s early", verified, []string{name, notBefore(50 * time.Second)}, true, nil},

		{"none sent", verified, nil, false, nil},
		{"not configured", identity.VouchConfig{}, []string{name, packed}, false, nil},

		{"not base64", verified, []string{name, "***"}, true, identity.ErrVouchNotBase64},
		{"unpadded text", verified, []string{name, "not-base64"}, true, identity.ErrVouchNotBase64},
		{"padding inside", verified, []string{name, "ab=cdefg"}, true, identity.ErrVouchNotBase64},
		{"padded text that is not gzip", verified, []string{name, "aGVsbG8h"}, true, identity.ErrVouchNotGzip},
		{"gzip cut off", verified, []string{name, base64.URLEncoding.EncodeToString(pack(t, good)[:30])}, true, identity.ErrVouchNotGzip},
		{"gzip bomb", verified, []string{name, cookieValue(t, strings.Repeat("a", 10<<20))}, true, identity.ErrVouchTooLarge},
		{"too large packed", verified, []string{name, strings.Repeat("a", 64<<10+1)}, true, identity.ErrVouchTooLarge},
		{"a part is missing", verified, []string{name + "_1of3", "a", name + "_3of3", "b"}, true, identity.ErrVouchIncomplete},
		{"only a later part", verified, []string{name + "_2of2", "a"}, true, identity.ErrVouchIncomplete},
		{"too many parts", verified, []string{name + "_1of1000", "a"}, true, identity.ErrVouchIncomplete},
		{"no token", verified, []string{name, cookieValue(t, "hello")}, true, identity.ErrVouchMalformed},
		{"no token, unverified", believed, []string{name, cookieValue(t, "a.b.c")}, true, identity.ErrVouchMalformed},
		{"other secret", verified, []string{name, cookieValue(t, sign(t, hs256, []byte("x"), claimsOf("ada@lab.example", now.Add(time.Hour))))}, true, identity.ErrVouchUntrusted},
		{"none algorithm", verified, []string{name, cookieValue(t, sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, claimsOf("ada@lab.example", now.Add(time.Hour))))}, true, identity.ErrVouchUntrusted},
		{"other algorithm, right key", verified, []string{name, cookieValue(t, sign(t, jwt.SigningMethodHS512, key, claimsOf("ada@lab.example", now.Add(time.Hour))))}, true, identity.ErrVouchUntrusted},
		{"signature cut", verified, []string{name, cookieValue(t, good[:strings.LastIndexByte(good, '.')+1])}, true, identity.ErrVouchUntrusted},
		{"other issuer", identity.VouchConfig{Secret: vouchSecret, Issuer: "Other"}, []string{name, packed}, true, identity.ErrVouchUntrusted},
		{"other audience", identity.VouchConfig{Secret: vouchSecret, Audience: "lab"}, []string{name, packed}, true, identity.ErrVouchUntrusted},
		{"no expiry", verified, []string{name, without("exp")}, true, identity.ErrVouchUntrusted},
		{"expired", verified, []string{name, cookieValue(t, sign(t, hs256, key, claimsOf("ada@lab.example", now.Add(-70*time.Second))))}, true, identity.ErrVouchExpired},
		{"not yet", verified, []string{name, notBefore(70 * time.Second)}, true, identity.ErrVouchExpired},
		{"claims missing", verified, []string{name, without("CustomClaims")}, true, identity.ErrVouchNoClaims},
		{"email missing", verified, []string{name, cookieValue(t, sign(t, hs256, key, jwt.MapClaims{"exp": now.Add(time.Hour).Unix(), "CustomClaims": map[string]any{}}))}, true, identity.ErrVouchNoEmail},
		{"email is a number", verified, []string{name, cookieValue(t, sign(t, hs256, key, claimsOf(7, now.Add(time.Hour))))}, true, identity.ErrVouchNoEmail},
		{"claims are a list", verified, []string{name, cookieValue(t, sign(t, hs256, key, jwt.MapClaims{"exp": now.Add(time.Hour).Unix(), "CustomClaims": []string{"email"}}))}, true, identity.ErrVouchMalformed},

		{"unverified believes any signature", believed, []string{name, cookieValue(t, sign(t, hs256, []byte("x"), claimsOf("ada@lab.example", now.Add(-time.Hour))))}, true, nil},
		{"a secret outweighs unverified", identity.VouchConfig{Secret: "other", AllowUnverified: true}, []string{name, packed}, true, identity.ErrVouchUntrusted},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := identity.New(nil, identity.Config{Vouch: tc.cfg, Now: clock.Now}, nil)
			email, present, err := s.VouchEmail(withCookies(t, tc.cookies...))
			if present != tc.present || !errors.Is(err, tc.want) || (tc.want == nil) != (err == nil) {
				t.Fatalf("VouchEmail = %q, %t, %v, want present %t and %v", email, present, err, tc.present, tc.want)
			}
			if wantEmail := tc.present && tc.want == nil; wantEmail != (email == "ada@lab.example") {
				t.Errorf("VouchEmail = %q, want the address %t", email, wantEmail)
			}
			if err != nil {
				wantKind(t, "VouchEmail", err, fault.Unauthenticated)
			}
		})
	}
}

func TestVouchAuthenticator(t *testing.T) {
	t.Parallel()
	clock := newClock()
	s := newService(t, databasetest.Open(t, sets...), identity.Config{Vouch: identity.VouchConfig{Secret: vouchSecret}, Now: clock.Now})
	ada := mustCreate(t, s, identity.NewUser{Email: "ada@lab.example", Role: identity.Steward})
	closed := mustCreate(t, s, identity.NewUser{Email: "closed@lab.example"})
	if err := s.Disable(asSystem(t), closed.ID); err != nil {
		t.Fatalf("Disable: %v", err)
	}
	ask := func(email string) (identity.Principal, bool, error) {
		token := sign(t, jwt.SigningMethodHS256, []byte(vouchSecret), claimsOf(email, clock.Now().Add(time.Hour)))
		return identity.Chain{s.SessionAuthenticator(), s.VouchAuthenticator()}.Authenticate(withCookies(t, "jxVouchCookie", cookieValue(t, token)))
	}
	p, ok, err := ask("ADA@lab.example")
	if !ok || err != nil || p.UserID != ada.ID || p.Role != identity.Steward || p.Method != identity.MethodVouch {
		t.Errorf("Authenticate(known) = %+v, %t, %v, want ada by vouch", p, ok, err)
	}
	if p, ok, err := ask("eve@lab.example"); ok || err != nil {
		t.Errorf("Authenticate(stranger) = %+v, %t, %v, want nobody", p, ok, err)
	}
	_, ok, err = ask("closed@lab.example")
	if wantKind(t, "Authenticate(disabled)", err, fault.Forbidden); ok {
		t.Error("Authenticate(disabled) accepted")
	}
}

func FuzzVouchEmail(f *testing.F) {
	clock := newClock()
	token := sign(f, jwt.SigningMethodHS256, []byte(vouchSecret), claimsOf("ada@lab.example", clock.Now().Add(time.Hour)))
	packed := cookieValue(f, token)
	for _, value := range []string{
		packed, strings.TrimRight(packed, "="), packed[:40], "", "***", "not-base64", cookieValue(f, ""), cookieValue(f, "a.b.c"),
		cookieValue(f, `eyJhbGciOiJub25lIn0.eyJDdXN0b21DbGFpbXMiOnsiZW1haWwiOiJhIn19.`), cookieValue(f, strings.Repeat("a", 70<<10)),
	} {
		f.Add(value, "1of1")
	}
	f.Add(packed, "1of2")
	f.Add(packed, "")
	believing := identity.New(nil, identity.Config{Vouch: identity.VouchConfig{AllowUnverified: true}, Now: clock.Now}, nil)
	verifying := identity.New(nil, identity.Config{Vouch: identity.VouchConfig{Secret: vouchSecret}, Now: clock.Now}, nil)
	f.Fuzz(func(t *testing.T, value, suffix string) {
		name := "jxVouchCookie"
		if suffix != "" {
			name += "_" + suffix
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil)
		r.Header.Set("Cookie", fmt.Sprintf("%s=%s", name, value))
		for _, s := range []*identity.Service{believing, verifying} {
			email, present, err := s.VouchEmail(r)
			if (email != "") != (present && err == nil) {
				t.Errorf("VouchEmail(%q) = %q, %t, %v, want an address exactly on success", value, email, present, err)
			}
			if err != nil && !fault.Is(err, fault.Unauthenticated) {
				t.Errorf("VouchEmail(%q) = %v, want kind unauthenticated", value, err)
			}
			if s == verifying && err == nil && present && email != "ada@lab.example" {
				t.Errorf("VouchEmail(%q) = %q, which nobody signed", value, email)
			}
		}
	})
}
