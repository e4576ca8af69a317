package web_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"granary/internal/platform/fault"
	"granary/internal/platform/identity"
	"granary/internal/platform/web"
)

func TestCORS(t *testing.T) {
	t.Parallel()
	const front = "http://localhost:3000"
	door := &arrayDoor{"nachet", []web.Route{
		route("POST", "/inf", web.ByDoor, say("ok")),
		route("POST", "/fail", web.ByDoor, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			(&arrayDoor{}).WriteError(w, r, fault.New(fault.Invalid, "no"))
		})),
	}}
	b := setup(t, web.Config{}, web.Entry{Door: door, CORSOrigins: []string{front, "https://other.example"}})
	granted := http.Header{"Access-Control-Allow-Origin": {front}, "Access-Control-Allow-Credentials": {"true"}}
	preflight := granted.Clone()
	preflight.Set("Access-Control-Allow-Headers", "access-control-allow-origin,content-type")
	preflight.Set("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
	preflight.Set("Access-Control-Max-Age", "86400")
	for _, tc := range []struct {
		name, method, target, origin string
		status                       int
		want                         http.Header
	}{
		{"preflight", "OPTIONS", "/inf", front, 200, preflight},
		{"preflight of an unknown origin", "OPTIONS", "/inf", "http://localhost:3001", 200, http.Header{}},
		{"preflight of a near miss", "OPTIONS", "/inf", front + ".evil.example", 200, http.Header{}},
		{"preflight of another scheme", "OPTIONS", "/inf", "https://localhost:3000", 200, http.Header{}},
		{"ordinary", "POST", "/inf", front, 200, granted},
		{"ordinary of an unknown origin", "POST", "/inf", "http://evil.example", 200, http.Header{}},
		{"no origin", "POST", "/inf", "", 200, http.Header{}},
		{"null origin", "POST", "/inf", "null", 200, http.Header{}},
		{"error", "POST", "/fail", front, 400, granted},
		{"wrong method", "GET", "/inf", front, 405, granted},
		{"unknown path", "GET", "/nothing", front, 404, granted},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := request(tc.method, tc.target, "")
			if tc.origin != "" {
				r.Header.Set("Origin", tc.origin)
			}
			if tc.method == "OPTIONS" {
				r.Header.Set("Access-Control-Request-Method", "POST")
				r.Header.Set("Access-Control-Request-Headers", "access-control-allow-origin,content-type")
			}
			response := b.do(r)
			got := http.Header{}
			for name, values := range response.Header {
				if strings.HasPrefix(name, "Access-Control-") {
					got[name] = values
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" || response.StatusCode != tc.status {
				t.Errorf("%s %s from %q = %d, want %d; headers (-want +got):\n%s", tc.method, tc.target, tc.origin, response.StatusCode, tc.status, diff)
			}
			if !slices.Contains(response.Header.Values("Vary"), "Origin") {
				t.Errorf("Vary = %q, want Origin in it", response.Header.Values("Vary"))
			}
		})
	}
}

func TestTrustedProxies(t *testing.T) {
	t.Parallel()
	door := &arrayDoor{"d", []web.Route{route("GET", "/who", web.Public, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		web.WriteJSON(w, 200, []string{web.ClientAddr(r.Context()).String(), origin(r), r.Header.Get("X-Forwarded-For")})
	}))}}
	b := setup(t, web.Config{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}}, web.Entry{Door: door})
	for _, tc := range []struct {
		name, peer string
		header     []string
		want       string
	}{
		{"no proxy", "192.0.2.1:5", nil, `["192.0.2.1","http://example.com",""]`},
		{"untrusted peer says much", "192.0.2.1:5", []string{"X-Forwarded-For", "1.1.1.1", "X-Forwarded-Proto", "https", "X-Forwarded-Host", "evil"}, `["192.0.2.1","http://example.com",""]`},
		{"trusted peer", "10.1.1.1:5", []string{"X-Forwarded-For", "192.0.2.7", "X-Forwarded-Proto", "https", "X-Forwarded-Host", "lab.example:8443"}, `["192.0.2.7","https://lab.example:8443",""]`},
		{"client forged a first hop", "10.1.1.1:5", []string{"X-Forwarded-For", "1.1.1.1, 192.0.2.7"}, `["192.0.2.7","http://example.com",""]`},
		{"two proxies", "10.1.1.1:5", []string{"X-Forwarded-For", "1.1.1.1, 192.0.2.7, 10.2.2.2"}, `["192.0.2.7","http://example.com",""]`},
		{"two header lines", "10.1.1.1:5", []string{"X-Forwarded-For", "1.1.1.1", "X-Forwarded-For", "192.0.2.7"}, `["192.0.2.7","http://example.com",""]`},
		{"garbage", "10.1.1.1:5", []string{"X-Forwarded-For", "what"}, `["10.1.1.1","http://example.com",""]`},
		{"all trusted", "10.1.1.1:5", []string{"X-Forwarded-For", "10.3.3.3"}, `["10.3.3.3","http://example.com",""]`},
		{"ipv6 with port", "[::1]:5", []string{"X-Forwarded-For", "[2001:db8::5]:99"}, `["2001:db8::5","http://example.com",""]`},
		{"mapped ipv4 peer", "[::ffff:10.1.1.1]:5", []string{"X-Forwarded-For", "192.0.2.7"}, `["192.0.2.7","http://example.com",""]`},
		{"host with a trick", "10.1.1.1:5", []string{"X-Forwarded-Host", "a/b"}, `["10.1.1.1","http://example.com",""]`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := request("GET", "/who", "", tc.header...)
			r.RemoteAddr = tc.peer
			if got := bodyOf(t, b.do(r)); got != tc.want {
				t.Errorf("GET /who from %s with %v = %s, want %s", tc.peer, tc.header, got, tc.want)
			}
		})
	}
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	door := &arrayDoor{"d", []web.Route{route("GET", "/id", web.Public, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, web.RequestID(r.Context()))
	}))}}
	b := setup(t, web.Config{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}, web.Entry{Door: door})
	for _, tc := range []struct {
		name, peer, inbound string
		kept                bool
	}{
		{"none given", "10.1.1.1:5", "", false},
		{"trusted", "10.1.1.1:5", "edge-7f:1", true},
		{"untrusted", "192.0.2.1:5", "edge-7f:1", false},
		{"with a line break", "10.1.1.1:5", "a\nb", false},
		{"too long", "10.1.1.1:5", strings.Repeat("a", 129), false},
	} {
		r := request("GET", "/id", "")
		r.RemoteAddr = tc.peer
		r.Header.Set("X-Request-Id", tc.inbound)
		response := b.do(r)
		id := response.Header.Get("X-Request-Id")
		if inside := bodyOf(t, response); inside != id || len(id) < 8 {
			t.Errorf("%s: header has id %q, context %q, want the same", tc.name, id, inside)
		}
		if (id == tc.inbound) != tc.kept {
			t.Errorf("%s: id = %q for inbound %q, want kept = %t", tc.name, id, tc.inbound, tc.kept)
		}
	}
}

func TestPanics(t *testing.T) {
	t.Parallel()
	native := web.NewNative("native")
	native.Add(
		route("GET", "/before", web.Public, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("kernel secret") })),
		route("GET", "/after", web.Public, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "half an answ")
			panic("kernel secret")
		})),
		route("GET", "/abort", web.Public, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })),
	)
	b := setup(t, web.Config{}, web.Entry{Door: native})
	addr := b.start(t)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	get := func(path string) (*http.Response, error) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		return transport.RoundTrip(r)
	}
	response, err := get("/before")
	if err != nil {
		t.Fatalf("GET /before: %v", err)
	}
	id := response.Header.Get("X-Request-Id")
	p := problemOf(t, response)
	want := web.Problem{Type: "about:blank", Title: "Internal Server Error", Status: 500, Kind: "internal", Detail: "internal error", RequestID: id}
	if p.Detail != want.Detail || p.Status != want.Status || p.RequestID != want.RequestID || p.Kind != want.Kind {
		t.Errorf("panic answered %+v, want %+v", p, want)
	}
	entries := b.log.lines(t, "panic in handler")
	if len(entries) != 1 || entries[0]["request_id"] != id || !strings.Contains(entries[0]["stack"].(string), "TestPanics") {
		t.Errorf("log of the panic = %v, want one entry with id %s and the stack", entries, id)
	}
	for _, path := range []string{"/after", "/abort"} {
		if response, err := get(path); err == nil {
			if _, err = io.ReadAll(response.Body); err == nil {
				t.Errorf("GET %s gave a whole answer (%d), want a cut connection", path, response.StatusCode)
			}
			_ = response.Body.Close()
		}
	}
}

func TestAccessMatrix(t *testing.T) {
	t.Parallel()
	native := web.NewNative("native")
	native.Add(route("GET", "/public", web.Public, say("")), route("GET", "/signed_in", web.SignedIn, say("")),
		route("GET", "/steward_only", web.StewardOnly, say("")), route("GET", "/admin_only", web.AdminOnly, say("")),
		route("GET", "/by_door", web.ByDoor, say("")))
	b := setup(t, web.Config{}, web.Entry{Door: native, Authenticate: byHeader("token")})
	callers := []string{"", "bad", "member", "steward", "admin"}
	want := map[web.Access][]int{
		web.Public:      {200, 200, 200, 200, 200},
		web.SignedIn:    {401, 401, 200, 200, 200},
		web.StewardOnly: {401, 401, 403, 200, 200},
		web.AdminOnly:   {401, 401, 403, 403, 200},
		web.ByDoor:      {200, 200, 200, 200, 200},
	}
	for _, served := range b.Table() {
		if served.Door != "native" {
			continue
		}
		for i, caller := range callers {
			response := b.do(request("GET", served.Path(), "", "Authorization", caller))
			if got := response.StatusCode; got != want[served.Route.Access][i] {
				t.Errorf("GET %s as %q = %d, want %d", served.Path(), caller, got, want[served.Route.Access][i])
			}
			if challenge := response.Header.Get("WWW-Authenticate"); (response.StatusCode == 401) != (challenge != "") {
				t.Errorf("GET %s as %q = %d with WWW-Authenticate %q", served.Path(), caller, response.StatusCode, challenge)
			}
		}
	}
	close(b.refused)
	refused := slices.Sorted(func(yield func(string) bool) {
		for r := range b.refused {
			if !yield(r) {
				return
			}
		}
	})
	wantRefused := []string{"member GET /admin_only", "member GET /steward_only", "steward GET /admin_only"}
	if diff := cmp.Diff(wantRefused, refused); diff != "" {
		t.Errorf("refusals told (-want +got):\n%s", diff)
	}
}

func TestAuthenticatorOutage(t *testing.T) {
	t.Parallel()
	native := web.NewNative("native")
	native.Add(route("GET", "/public", web.Public, say("")), route("GET", "/in", web.SignedIn, say("")), route("GET", "/by_door", web.ByDoor, say("")))
	down := func(*http.Request) (identity.Principal, bool, error) {
		return identity.Principal{}, false, errors.New("database is down")
	}
	b := setup(t, web.Config{}, web.Entry{Door: native, Authenticate: down})
	for path, status := range map[string]int{"/public": 200, "/in": 500, "/by_door": 500} {
		response := b.do(request("GET", path, ""))
		if text := bodyOf(t, response); response.StatusCode != status || strings.Contains(text, "database") {
			t.Errorf("GET %s = %d %s, want %d and no detail", path, response.StatusCode, text, status)
		}
	}
}

func TestTokenScopes(t *testing.T) {
	t.Parallel()
	scoped := route("GET", "/scoped", web.SignedIn, say(""))
	scoped.Scope = "vision"
	native := web.NewNative("native")
	native.Add(scoped, route("GET", "/read", web.SignedIn, say("")), route("POST", "/write", web.SignedIn, say("")),
		route("GET", "/admin", web.AdminOnly, say("")), route("POST", "/by_door", web.ByDoor, say("")), route("GET", "/public", web.Public, say("")))
	with := func(scopes ...string) web.Authenticator {
		return func(*http.Request) (identity.Principal, bool, error) {
			return identity.Principal{UserID: "u", Role: identity.Admin, Method: "token", Scopes: scopes}, true, nil
		}
	}
	for _, tc := range []struct {
		scopes []string
		allows []string
	}{
		{nil, []string{"/scoped", "/read", "/write", "/admin", "/by_door", "/public"}},
		{[]string{"vision"}, []string{"/scoped", "/public"}},
		{[]string{"read"}, []string{"/read", "/public"}},
		{[]string{"read", "write"}, []string{"/read", "/write", "/by_door", "/public"}},
		{[]string{"admin"}, []string{"/admin", "/public"}},
	} {
		b := setup(t, web.Config{}, web.Entry{Door: native, Authenticate: with(tc.scopes...)})
		for _, served := range b.Table() {
			if served.Door != "native" {
				continue
			}
			want := http.StatusForbidden
			if slices.Contains(tc.allows, served.Path()) {
				want = http.StatusOK
			}
			if got := b.do(request(served.Route.Method, served.Path(), "")).StatusCode; got != want {
				t.Errorf("%s %s with scopes %v = %d, want %d", served.Route.Method, served.Path(), tc.scopes, got, want)
			}
		}
	}
}

func TestCrossSiteRequests(t *testing.T) {
	t.Parallel()
	who := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, _ := identity.From(r.Context())
		_, _ = io.WriteString(w, p.UserID)
	})
	native := web.NewNative("native")
	native.Add(route("POST", "/in", web.SignedIn, who), route("GET", "/in", web.SignedIn, who), route("POST", "/by_door", web.ByDoor, who), route("POST", "/public", web.Public, who))
	for _, tc := range []struct {
		name, method, target, by string
		header                   []string
		status                   int
		body                     string
	}{
		{"same origin", "POST", "/in", "session", []string{"Sec-Fetch-Site", "same-origin"}, 200, "user-member"},
		{"no browser", "POST", "/in", "session", nil, 200, "user-member"},
		{"cross site", "POST", "/in", "session", []string{"Sec-Fetch-Site", "cross-site"}, 403, "another site"},
		{"same site, other origin", "POST", "/in", "session", []string{"Sec-Fetch-Site", "same-site", "Origin", "https://sub.example.com"}, 403, "another site"},
		{"old browser", "POST", "/in", "session", []string{"Origin", "https://evil.example"}, 403, "another site"},
		{"listed origin", "POST", "/in", "session", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://front.example"}, 200, "user-member"},
		{"reading", "GET", "/in", "session", []string{"Sec-Fetch-Site", "cross-site"}, 200, "user-member"},
		{"bearer token", "POST", "/in", "token", []string{"Sec-Fetch-Site", "cross-site"}, 200, "user-member"},
		{"sign-in form", "POST", "/public", "session", []string{"Sec-Fetch-Site", "cross-site"}, 403, "another site"},
		{"door of its own", "POST", "/by_door", "vouch", []string{"Sec-Fetch-Site", "cross-site"}, 200, ""},
		{"door of its own, listed origin", "POST", "/by_door", "vouch", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://front.example"}, 200, "user-member"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, web.Config{}, web.Entry{Door: native, Authenticate: byHeader(tc.by), CORSOrigins: []string{"https://front.example"}})
			response := b.do(request(tc.method, tc.target, "", append(tc.header, "Authorization", "member")...))
			if text := bodyOf(t, response); response.StatusCode != tc.status || !strings.Contains(text, tc.body) || tc.body == "" && text != "" {
				t.Errorf("%s %s = %d %q, want %d %q", tc.method, tc.target, response.StatusCode, text, tc.status, tc.body)
			}
		})
	}
}

func TestAccessLogAndObserver(t *testing.T) {
	t.Parallel()
	quiet := route("GET", "/health", web.Public, say("ok"))
	quiet.Unlimited = true
	door := &arrayDoor{"d", []web.Route{
		route("POST", "/setup/{token}", web.SignedIn, http.HandlerFunc(echo)), quiet,
		route("GET", "/broken", web.Public, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			err := errors.New("disk on fire")
			web.WriteProblem(w, r, err)
			web.LogError(r.Context(), err)
		})),
	}}
	b := setup(t, web.Config{}, web.Entry{Door: door, Authenticate: byHeader("token")})
	b.do(request("POST", "/setup/canary1?x=canary2", "hello", "Authorization", "member", "Cookie", "s=canary3"))
	b.do(request("GET", "/health", ""))
	b.do(request("PROPFIND", "/zzz", ""))
	b.do(request("GET", "/broken", ""))
	got := make([]web.Observation, 0, 4)
	for range 4 {
		o := <-b.observed
		o.Duration = 0
		o.Sent = min(o.Sent, 5)
		got = append(got, o)
	}
	want := []web.Observation{
		{Door: "d", Route: "/setup/{token}", Method: "POST", Status: 200, Sent: 5, Received: 5},
		{Door: "d", Route: "/health", Method: "GET", Status: 200, Sent: 2},
		{Door: "d", Route: "unmatched", Method: "OTHER", Status: 404, Sent: 5},
		{Door: "d", Route: "/broken", Method: "GET", Status: 500, Sent: 5},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("observations (-want +got):\n%s", diff)
	}
	lines := b.log.lines(t, "request")
	if len(lines) != 4 || lines[0]["level"] != "INFO" || lines[0]["path"] != "/setup/***" || lines[0]["user_id"] != "user-member" ||
		lines[1]["level"] != "DEBUG" || lines[3]["level"] != "WARN" {
		t.Errorf("access log = %v", lines)
	}
	if strings.Contains(b.log.String(), "canary") {
		t.Errorf("the log holds a secret:\n%s", b.log)
	}
	if failed := b.log.lines(t, "request failed"); len(failed) != 1 || failed[0]["error"] != "disk on fire" {
		t.Errorf("log of the internal error = %v, want it once with its cause", failed)
	}
}

func TestSecurityHeaders(t *testing.T) {
	t.Parallel()
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<!doctype html><p>hi") })
	own := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'none'")
		w.Header().Set("Cache-Control", "private, max-age=60")
		page(w, nil)
	})
	door := &arrayDoor{"d", []web.Route{route("GET", "/page", web.Public, page), route("GET", "/own", web.Public, own), route("GET", "/text", web.Public, say("x"))}}
	b := setup(t, web.Config{}, web.Entry{Door: door, Authenticate: byHeader("token")})
	for _, tc := range []struct{ target, caller, csp, cache string }{
		{"/page", "", "frame-ancestors 'none'", ""},
		{"/page", "member", "script-src 'self'", "no-store"},
		{"/own", "member", "default-src 'none'", "private, max-age=60"},
		{"/text", "", "", ""},
	} {
		response := b.do(request("GET", tc.target, "", "Authorization", tc.caller))
		csp := response.Header.Get("Content-Security-Policy")
		if !strings.Contains(csp, tc.csp) || (tc.csp == "") != (csp == "") || strings.Contains(csp, "unsafe") {
			t.Errorf("GET %s has Content-Security-Policy %q, want %q in it", tc.target, csp, tc.csp)
		}
		if got := response.Header.Get("Cache-Control"); got != tc.cache {
			t.Errorf("GET %s as %q has Cache-Control %q, want %q", tc.target, tc.caller, got, tc.cache)
		}
		if got := response.Header.Get("X-Content-Type-Options"); got != "nosniff" {
			t.Errorf("GET %s has X-Content-Type-Options %q, want nosniff", tc.target, got)
		}
	}
}

// Handlers work without a server, as unit tests of doors call them.
func TestHelpersOutsideServer(t *testing.T) {
	t.Parallel()
	r := request("GET", "/", "")
	w := httptest.NewRecorder()
	web.WriteProblem(w, r, fault.New(fault.Conflict, "taken"))
	if w.Code != 409 || web.RequestID(r.Context()) != "" || web.ClientAddr(r.Context()).IsValid() || web.IsSecure(r) {
		t.Errorf("WriteProblem outside a server = %d, want 409", w.Code)
	}
}
