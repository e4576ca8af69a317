package web_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"granary/internal/platform/web"
)

func TestServesDoorsUnderTheirPrefixes(t *testing.T) {
	t.Parallel()
	native := web.NewNative("platform")
	native.Add(route("GET", "/api/v1/jobs/{id}", web.Public, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		web.WriteJSON(w, http.StatusOK, map[string]string{"id": r.PathValue("id")})
	})))
	nachet := &arrayDoor{name: "nachet", routes: []web.Route{route("POST", "/inf", web.ByDoor, http.HandlerFunc(echo))}}
	console := &arrayDoor{name: "console", routes: []web.Route{route("GET", "/{$}", web.Public, say("console"))}}
	b := setup(t, web.Config{}, web.Entry{Door: native}, web.Entry{Door: nachet, Prefixes: []string{"/", "/api"}}, web.Entry{Door: console})
	for _, tc := range []struct {
		method, target, body string
		status               int
		contentType, content string
	}{
		{"GET", "/", "", 200, "text/plain; charset=utf-8", "console"},
		{"GET", "/api/v1/jobs/7", "", 200, "application/json", `{"id":"7"}`},
		{"POST", "/inf", "x", 200, "application/octet-stream", "x"},
		{"POST", "/api/inf", "y", 200, "application/octet-stream", "y"},
		{"GET", "/inf", "", 405, "text/html; charset=utf-8", "Method Not Allowed"},
		{"GET", "/api/nothing", "", 404, "text/html; charset=utf-8", "Not Found"},
		{"GET", "/nothing", "", 404, "text/html; charset=utf-8", "Not Found"},
		{"GET", "/api/v1/nothing", "", 404, "application/problem+json", `"kind":"not_found"`},
		{"DELETE", "/api/v1/jobs/7", "", 405, "application/problem+json", `"status":405`},
		{"OPTIONS", "/api/v1/jobs/7", "", 200, "", ""},
	} {
		t.Run(tc.method+tc.target, func(t *testing.T) {
			t.Parallel()
			response := b.do(request(tc.method, tc.target, tc.body))
			text := bodyOf(t, response)
			if response.StatusCode != tc.status || response.Header.Get("Content-Type") != tc.contentType || !strings.Contains(text, tc.content) {
				t.Errorf("%s %s = %d %q %q, want %d %q containing %q", tc.method, tc.target,
					response.StatusCode, response.Header.Get("Content-Type"), text, tc.status, tc.contentType, tc.content)
			}
			if tc.status == http.StatusMethodNotAllowed && !strings.Contains(response.Header.Get("Allow"), "OPTIONS") {
				t.Errorf("Allow = %q, want the methods served", response.Header.Get("Allow"))
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	ok := route("GET", "/a", web.Public, say("a"))
	for _, tc := range []struct {
		name   string
		routes []web.Route
		config web.Config
		want   string
	}{
		{"no access level", []web.Route{{Method: "GET", Path: "/a", Summary: "s", Handler: say("")}}, web.Config{}, "no access level"},
		{"duplicate", []web.Route{ok, ok}, web.Config{}, "both serve GET /a"},
		{"same wildcard under another name", []web.Route{route("GET", "/{x}", web.Public, say("")), route("GET", "/{y}", web.Public, say(""))}, web.Config{}, "both serve GET /{y}"},
		{"overlap", []web.Route{route("GET", "/a/{x}", web.Public, say("")), route("GET", "/{y}/b", web.Public, say(""))}, web.Config{}, "conflicts"},
		{"no handler", []web.Route{route("GET", "/a", web.Public, nil)}, web.Config{}, "no handler"},
		{"no summary", []web.Route{{Method: "GET", Path: "/a", Access: web.Public, Handler: say("")}}, web.Config{}, "no summary"},
		{"unknown door", []web.Route{ok}, web.Config{Listeners: []web.Listener{{Address: ":0", Mounts: []web.Mount{{Door: "x"}}}}}, `unknown door "x"`},
		{"unknown fallback", []web.Route{ok}, web.Config{Listeners: []web.Listener{{Address: ":0", Fallback: "x"}}}, `fallback door "x"`},
		{"half a certificate", []web.Route{ok}, web.Config{Listeners: []web.Listener{{Address: ":0", TLS: web.TLS{CertFile: "c"}}}}, "needs both"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if len(tc.config.Listeners) == 0 {
				tc.config.Listeners = []web.Listener{{Address: "127.0.0.1:0"}}
			}
			_, err := web.New(tc.config, web.Hooks{Logger: discard()}, web.Entry{Door: &arrayDoor{"d", tc.routes}})
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("New = %v, want an error with %q", err, tc.want)
			}
		})
	}
}

func BenchmarkRequest(b *testing.B) {
	door := &arrayDoor{name: "d", routes: []web.Route{route("GET", "/a/{id}", web.SignedIn, say("a"))}}
	server, err := web.New(web.Config{Listeners: []web.Listener{{Address: "127.0.0.1:0"}}, RatePerSecond: 1e9, RateBurst: 1e9},
		web.Hooks{Logger: discard()}, web.Entry{Door: door, Authenticate: byHeader("token")})
	if err != nil {
		b.Fatal(err)
	}
	handler := server.Handler(0)
	b.ReportAllocs()
	for b.Loop() {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, request("GET", "/a/7", "", "Authorization", "member"))
		if w.Code != http.StatusOK {
			b.Fatalf("GET /a/7 = %d", w.Code)
		}
	}
}
