package identityapi_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"granary/internal/platform/database"
	"granary/internal/platform/database/databasetest"
	"granary/internal/platform/identity"
	"granary/internal/platform/identity/identityapi"
	"granary/internal/platform/web"
	"granary/internal/platform/web/webtest"
)

const password = "seeds on a quiet field"

// bundle is a server with one account of each role and a session for each.
type bundle struct {
	server  *web.Server
	service *identity.Service
	users   map[identity.Role]identity.User
	cookies map[identity.Role]*http.Cookie
}

func setup(t *testing.T, db *database.DB) *bundle {
	t.Helper()
	b := &bundle{users: map[identity.Role]identity.User{}, cookies: map[identity.Role]*http.Cookie{}}
	b.service = identity.New(db, identity.Config{
		Argon2: identity.Argon2{Time: 1, MemoryKiB: 8, Threads: 1}, RequestID: web.RequestID, Secure: web.IsSecure,
	}, slog.New(slog.DiscardHandler))
	door := web.NewNative("platform")
	identityapi.Register(door, b.service)
	chain := identity.Chain{b.service.BearerAuthenticator(), b.service.SessionAuthenticator()}
	server, err := web.New(web.Config{Listeners: []web.Listener{{Address: "127.0.0.1:0"}}},
		web.Hooks{Logger: slog.New(slog.DiscardHandler)}, web.Entry{Door: door, Authenticate: chain.Authenticate})
	if err != nil {
		t.Fatalf("web.New: %v", err)
	}
	b.server = server
	for _, role := range []identity.Role{identity.Member, identity.Steward, identity.Admin} {
		email := string(role) + "@lab.example"
		user, err := b.service.CreateUser(identity.With(t.Context(), identity.System()), identity.NewUser{Email: email, Role: role, Password: password})
		if err != nil {
			t.Fatalf("CreateUser: %v", err)
		}
		session, err := b.service.SignIn(t.Context(), email, password, "192.0.2.1")
		if err != nil {
			t.Fatalf("SignIn: %v", err)
		}
		b.users[role] = user
		b.cookies[role] = &http.Cookie{Name: "granary_session", Value: session.Secret}
	}
	return b
}

// call sends a request as the signed-in role, or as nobody, and returns the
// status and the decoded answer.
func (b *bundle) call(t *testing.T, role identity.Role, method, path, body string, header ...string) (int, map[string]any) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	if body == "" {
		r = httptest.NewRequestWithContext(t.Context(), method, path, nil)
	} else {
		r.Header.Set("Content-Type", "application/json")
	}
	if cookie := b.cookies[role]; cookie != nil {
		r.AddCookie(cookie)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	b.server.Handler(0).ServeHTTP(w, r)
	var answer map[string]any
	if w.Body.Len() > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			t.Fatalf("%s %s = %d %q: %v", method, path, w.Code, w.Body, err)
		}
	}
	for _, secret := range []string{"argon2id", password} {
		if strings.Contains(w.Body.String(), secret) {
			t.Errorf("%s %s answers a secret: %s", method, path, w.Body)
		}
	}
	return w.Code, answer
}

// want calls and fails the test unless the status is as given.
func (b *bundle) want(t *testing.T, role identity.Role, status int, method, path, body string, header ...string) map[string]any {
	t.Helper()
	got, answer := b.call(t, role, method, path, body, header...)
	if got != status {
		t.Fatalf("%s %s by %q = %d %v, want %d", method, path, role, got, answer, status)
	}
	return answer
}

func TestAccounts(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, []database.Migrations{identity.Migrations()}, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		admin := identity.Admin
		created := b.want(t, admin, 201, "POST", "/api/v1/users", `{"email":"Ada@lab.example","password":"another long passphrase"}`)
		id, _ := created["id"].(string)
		want := map[string]any{
			"id": id, "email": "Ada@lab.example", "display_name": "Ada", "role": "member", "has_password": true,
			"disabled": false, "created_at": created["created_at"], "updated_at": created["created_at"],
		}
		if diff := cmp.Diff(want, created); diff != "" {
			t.Errorf("created account (-want +got):\n%s", diff)
		}
		path := "/api/v1/users/" + id
		if diff := cmp.Diff(created, b.want(t, admin, 200, "GET", path, "")); diff != "" {
			t.Errorf("GET account (-created +got):\n%s", diff)
		}
		b.want(t, admin, 409, "POST", "/api/v1/users", `{"email":"ADA@lab.example"}`)
		b.want(t, admin, 400, "POST", "/api/v1/users", `{"email":"x@lab.example","password":"password123"}`)
		b.want(t, admin, 400, "POST", "/api/v1/users", `{"email":"x@lab.example","owner":true}`)
		b.want(t, admin, 404, "GET", "/api/v1/users/nobody", "")

		if got := b.want(t, admin, 200, "PUT", path+"/role", `{"role":"steward"}`)["role"]; got != "steward" {
			t.Errorf("role = %v, want steward", got)
		}
		b.want(t, admin, 400, "PUT", path+"/role", `{"role":"owner"}`)
		if got := b.want(t, admin, 200, "PUT", path+"/disabled", `{"disabled":true}`)["disabled"]; got != true {
			t.Errorf("disabled = %v, want true", got)
		}
		b.want(t, admin, 200, "PUT", path+"/disabled", `{"disabled":false}`)
		b.want(t, admin, 200, "PUT", path+"/password", `{"password":"yet another passphrase"}`)
		if _, err := b.service.SignIn(t.Context(), "ada@lab.example", "yet another passphrase", "192.0.2.1"); err != nil {
			t.Errorf("SignIn with the set password = %v, want nil", err)
		}
		b.want(t, admin, 204, "DELETE", path+"/sessions", "")
		b.want(t, admin, 404, "DELETE", "/api/v1/users/nobody/sessions", "")
		b.want(t, admin, 409, "PUT", "/api/v1/users/"+b.users[admin].ID+"/role", `{"role":"member"}`)

		first := b.want(t, admin, 200, "GET", "/api/v1/users?limit=3", "")
		next, _ := first["next"].(string)
		rest := b.want(t, admin, 200, "GET", "/api/v1/users?limit=3&cursor="+next, "")
		if got := [2]int{len(first["users"].([]any)), len(rest["users"].([]any))}; got != [2]int{3, 1} || rest["next"] != nil {
			t.Errorf("pages = %v then next %v, want [3 1] and no next", got, rest["next"])
		}
		entries := b.want(t, admin, 200, "GET", "/api/v1/audit?action=user_role", "")["entries"].([]any)
		if len(entries) != 1 || entries[0].(map[string]any)["actor"] != b.users[admin].ID || entries[0].(map[string]any)["request_id"] == nil {
			t.Errorf("audited role changes = %v, want one by the admin with a request id", entries)
		}
		if got := b.want(t, admin, 200, "GET", "/api/v1/audit/verify", ""); got["sound"] != true {
			t.Errorf("verify = %v, want sound", got)
		}
	})
}

func TestMeAndTokens(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, []database.Migrations{identity.Migrations()}, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		member := identity.Member
		if got := b.want(t, member, 200, "GET", "/api/v1/me", ""); got["email"] != "member@lab.example" || got["method"] != "session" {
			t.Errorf("me = %v, want member by session", got)
		}
		created := b.want(t, member, 201, "POST", "/api/v1/tokens", `{"name":"laptop","scopes":["read"]}`)
		secret, _ := created["secret"].(string)
		if !regexp.MustCompile(`^gry_[a-z2-7]{58}$`).MatchString(secret) || created["last_used_at"] != nil {
			t.Errorf("created token = %v, want its text and no last use", created)
		}
		bearer := []string{"Authorization", "Bearer " + secret}
		if got := b.want(t, "", 200, "GET", "/api/v1/me", "", bearer...); got["method"] != "token" || !cmp.Equal(got["scopes"], []any{"read"}) {
			t.Errorf("me by token = %v, want method token and scope read", got)
		}
		b.want(t, "", 403, "DELETE", "/api/v1/tokens/"+created["id"].(string), "", bearer...)
		full := b.want(t, member, 201, "POST", "/api/v1/tokens", `{"name":"all"}`)
		b.want(t, "", 403, "POST", "/api/v1/tokens", `{"name":"child"}`, "Authorization", "Bearer "+full["secret"].(string))
		b.want(t, member, 400, "POST", "/api/v1/tokens", `{"name":"x","scopes":["everything"]}`)
		b.want(t, identity.Steward, 404, "DELETE", "/api/v1/tokens/"+created["id"].(string), "")
		b.want(t, member, 204, "DELETE", "/api/v1/tokens/"+created["id"].(string), "")
		b.want(t, "", 401, "GET", "/api/v1/me", "", bearer...)
		tokens := b.want(t, member, 200, "GET", "/api/v1/tokens", "")["tokens"].([]any)
		if len(tokens) != 2 || tokens[1].(map[string]any)["revoked_at"] == nil || tokens[1].(map[string]any)["secret"] != nil {
			t.Errorf("tokens = %v, want two, the older revoked, none with its text", tokens)
		}

		if got := b.want(t, member, 200, "GET", "/api/v1/me/sessions", "")["sessions"].([]any); len(got) != 1 {
			t.Errorf("sessions = %v, want one", got)
		}
		b.want(t, member, 401, "PUT", "/api/v1/me/password", `{"current_password":"wrong wrong wrong","new_password":"another long passphrase"}`)
		b.want(t, member, 204, "PUT", "/api/v1/me/password", `{"current_password":"`+password+`","new_password":"another long passphrase"}`)
		b.want(t, member, 401, "GET", "/api/v1/me", "")
		b.want(t, identity.Steward, 204, "DELETE", "/api/v1/me/sessions", "")
		b.want(t, identity.Steward, 401, "GET", "/api/v1/me", "")
	})
}

func TestAccessMatrix(t *testing.T) {
	t.Parallel()
	b := setup(t, databasetest.Open(t, identity.Migrations()))
	webtest.CheckDocument(t, b.server)
	w := httptest.NewRecorder()
	b.server.Handler(0).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/openapi.json", nil))
	for _, name := range []string{`"display_name"`, `"secret"`, `"prev_hash"`, `"absolute_at"`} {
		if !strings.Contains(w.Body.String(), name) {
			t.Errorf("the document lacks the field %s", name)
		}
	}
	own := regexp.MustCompile(`^/api/v1/(me|tokens)`)
	served := 0
	for _, s := range b.server.Table() {
		path := strings.ReplaceAll(s.Path(), "{id}", "00000000-0000-7000-8000-000000000000")
		if s.Door != "platform" || !strings.HasPrefix(path, "/api/v1/") {
			continue
		}
		served++
		if got, _ := b.call(t, "", s.Route.Method, path, ""); got != http.StatusUnauthorized {
			t.Errorf("%s %s by nobody = %d, want 401", s.Route.Method, path, got)
		}
		if own.MatchString(path) {
			continue // everybody's own; TestMeAndTokens calls them
		}
		for _, role := range []identity.Role{identity.Member, identity.Steward} {
			if got, _ := b.call(t, role, s.Route.Method, path, ""); got != http.StatusForbidden {
				t.Errorf("%s %s by %s = %d, want 403", s.Route.Method, path, role, got)
			}
		}
		if got, _ := b.call(t, identity.Admin, s.Route.Method, path, ""); got == http.StatusForbidden || got == http.StatusUnauthorized {
			t.Errorf("%s %s by admin = %d, want it allowed", s.Route.Method, path, got)
		}
	}
	if served != 16 {
		t.Errorf("routes looked at = %d, want 16", served)
	}
}
