package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"granary/internal/platform/fault"
	"granary/internal/platform/web"
	"granary/internal/platform/web/webtest"
)

type seedInput struct {
	ID   string `path:"id" doc:"Which seed."`
	Kind string `query:"kind" enum:"wheat,rye" default:"wheat" doc:"Which kind."`
	Body struct {
		Name  string   `json:"name" minLength:"2" doc:"What it is called." example:"Triticum"`
		Count int      `json:"count,omitempty" minimum:"0"`
		Tags  []string `json:"tags,omitempty" maxItems:"3"`
	}
}

type seedOutput struct {
	Body struct {
		ID   string `json:"id"`
		Kind string `json:"kind"`
		Name string `json:"name"`
	}
}

// seedDoor has one typed operation; a name of "fail …" makes it fail.
func seedDoor() *web.Native {
	n := web.NewNative("seeds")
	web.Handle(n, web.Operation{Method: "PUT", Path: "/seeds/{id}", Access: web.Public, Summary: "Store a seed", MaxBody: 4096},
		func(_ context.Context, in *seedInput) (*seedOutput, error) {
			switch in.Body.Name {
			case "fail internal":
				return nil, errors.New("disk on fire")
			case "fail conflict":
				return nil, fmt.Errorf("store: %w", fault.New(fault.Conflict, "the seed exists"))
			case "fail limited":
				return nil, fault.New(fault.RateLimited, "slow down").After(90 * time.Second)
			}
			out := &seedOutput{}
			out.Body.ID, out.Body.Kind, out.Body.Name = in.ID, in.Kind, in.Body.Name
			return out, nil
		})
	web.Handle(n, web.Operation{Method: "DELETE", Path: "/seeds/{id}", Access: web.AdminOnly, Scope: "seeds", Summary: "Delete a seed"},
		func(context.Context, *struct {
			ID string `path:"id"`
		},
		) (*struct{}, error) {
			return nil, nil
		})
	return n
}

func TestTypedOperations(t *testing.T) {
	t.Parallel()
	b := setup(t, web.Config{}, web.Entry{Door: seedDoor(), Authenticate: byHeader("token")})
	const jsonType = "application/json"
	for _, tc := range []struct {
		name, method, target, body, contentType string
		status                                  int
		want                                    string // whole answer, or kind of the problem
		fields                                  []web.FieldError
	}{
		{name: "success", method: "PUT", target: "/seeds/7?kind=rye", body: `{"name":"Secale"}`, contentType: jsonType, status: 200, want: `{"id":"7","kind":"rye","name":"Secale"}`},
		{name: "default", method: "PUT", target: "/seeds/7", body: `{"name":"Secale"}`, contentType: jsonType, status: 200, want: `{"id":"7","kind":"wheat","name":"Secale"}`},
		{name: "no content", method: "DELETE", target: "/seeds/7", status: 204},
		{name: "unknown field", method: "PUT", target: "/seeds/7", body: `{"name":"ab","canary":"canary"}`, contentType: jsonType, status: 400, want: "invalid", fields: []web.FieldError{{"body.canary", "unexpected property"}}},
		{name: "several faults", method: "PUT", target: "/seeds/7?kind=oak", body: `{"name":"a","count":-1}`, contentType: jsonType, status: 400, want: "invalid", fields: []web.FieldError{
			{"body.count", "expected number >= 0"}, {"body.name", "expected length >= 2"}, {"query.kind", `expected value to be one of "wheat, rye"`},
		}},
		{name: "no JSON", method: "PUT", target: "/seeds/7", body: `canary`, contentType: jsonType, status: 400, want: "invalid", fields: []web.FieldError{{"body", "*"}}},
		{name: "trailing data", method: "PUT", target: "/seeds/7", body: `{"name":"ab"} x`, contentType: jsonType, status: 400, want: "invalid", fields: []web.FieldError{{"body", "*"}}},
		{name: "too deep", method: "PUT", target: "/seeds/7", body: strings.Repeat("[", 65), contentType: jsonType, status: 400, want: "invalid", fields: []web.FieldError{{"body", "*"}}},
		{name: "no body", method: "PUT", target: "/seeds/7", status: 400, want: "invalid"},
		{name: "too large", method: "PUT", target: "/seeds/7", body: `{"name":"` + strings.Repeat("a", 5000) + `"}`, contentType: jsonType, status: 413, want: "too_large"},
		{name: "wrong type", method: "PUT", target: "/seeds/7", body: `{"name":"ab"}`, contentType: "text/plain", status: 415, want: "invalid"},
		{name: "internal error", method: "PUT", target: "/seeds/7", body: `{"name":"fail internal"}`, contentType: jsonType, status: 500, want: "internal"},
		{name: "conflict", method: "PUT", target: "/seeds/7", body: `{"name":"fail conflict"}`, contentType: jsonType, status: 409, want: "conflict"},
		{name: "rate limited", method: "PUT", target: "/seeds/7", body: `{"name":"fail limited"}`, contentType: jsonType, status: 429, want: "rate_limited"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := request(tc.method, tc.target, tc.body, "Authorization", "admin")
			if tc.contentType != "" {
				r.Header.Set("Content-Type", tc.contentType)
			}
			if tc.status == 413 {
				r.ContentLength = -1 // so that only reading finds out
			}
			response := b.do(r)
			if response.StatusCode != tc.status {
				t.Fatalf("%s %s = %d %s, want %d", tc.method, tc.target, response.StatusCode, bodyOf(t, response), tc.status)
			}
			if tc.status < 300 {
				if got := strings.TrimSpace(bodyOf(t, response)); got != tc.want {
					t.Errorf("%s %s = %s, want %s", tc.method, tc.target, got, tc.want)
				}
				return
			}
			p := problemOf(t, response)
			if p.Kind != tc.want || p.Status != tc.status || p.RequestID != response.Header.Get("X-Request-Id") || p.Detail == "" {
				t.Errorf("problem = %+v, want kind %s", p, tc.want)
			}
			for i := range p.Errors {
				if i < len(tc.fields) && tc.fields[i].Message == "*" {
					p.Errors[i].Message = "*"
				}
			}
			byLocation := cmpopts.SortSlices(func(a, b web.FieldError) bool { return a.Location < b.Location })
			if diff := cmp.Diff(tc.fields, p.Errors, byLocation, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("fields (-want +got):\n%s", diff)
			}
			if text := fmt.Sprint(p); strings.Contains(text, "disk") || strings.Contains(text, ":canary") {
				t.Errorf("problem %s tells too much", text)
			}
			if tc.want == "rate_limited" && response.Header.Get("Retry-After") != "90" {
				t.Errorf("Retry-After = %q, want 90", response.Header.Get("Retry-After"))
			}
		})
	}
}

func TestTypedOperationLogsInternalErrorsOnce(t *testing.T) {
	t.Parallel()
	b := setup(t, web.Config{}, web.Entry{Door: seedDoor()})
	b.do(request("PUT", "/seeds/7", `{"name":"fail internal"}`, "Content-Type", "application/json"))
	b.do(request("PUT", "/seeds/7", `{"name":"fail conflict"}`, "Content-Type", "application/json"))
	if failed := b.log.lines(t, "request failed"); len(failed) != 1 || failed[0]["error"] != "disk on fire" {
		t.Errorf("log = %v, want the internal error once", failed)
	}
}

// house is a server with all kinds of doors and prefixes.
func house(t *testing.T) *bundle {
	t.Helper()
	health := say("ok")
	platform := web.PlatformDoor(web.PlatformHandlers{Health: health, Ready: health, Version: say("platform"), Metrics: health})
	version := route("GET", "/version", web.Public, say("nachet"))
	version.Yields = true
	inf := route("POST", "/inf", web.ByDoor, http.HandlerFunc(echo))
	inf.Request = &web.Body{Schema: map[string]any{"type": "object", "properties": map[string]any{"image": map[string]any{"type": "string"}}}, Example: map[string]any{"image": "data:image/png;base64,AA"}}
	inf.Query = []web.Param{{Name: "model", Summary: "Which model"}}
	hidden := route("GET", "/{$}", web.Public, say("home"))
	hidden.Hidden = true
	return setup(t, web.Config{Version: "1.2.3", Listeners: []web.Listener{
		{Address: "127.0.0.1:0"},
		{Address: "127.0.0.1:0", Mounts: []web.Mount{{Door: "nachet", Prefixes: []string{"/backend"}}}},
	}},
		web.Entry{Door: &arrayDoor{"nachet", []web.Route{inf, version, route("GET", "/seed-data/{name}", web.ByDoor, say(""))}}, Prefixes: []string{"/", "/api"}},
		web.Entry{Door: platform}, web.Entry{Door: seedDoor(), Authenticate: byHeader("token")},
		web.Entry{Door: &arrayDoor{"console", []web.Route{hidden}}})
}

func TestEveryServedRouteIsDocumented(t *testing.T) {
	t.Parallel()
	b := house(t)
	webtest.CheckDocument(t, b.Server)
	var doc struct {
		Info  struct{ Title, Version string }
		Paths map[string]map[string]struct {
			OperationID string           `json:"operationId"`
			Servers     []map[string]any `json:"servers"`
			Parameters  []map[string]any `json:"parameters"`
			Security    []map[string]any `json:"security"`
			Scope       string           `json:"x-scope"`
		}
		Components struct{ Schemas map[string]any }
	}
	text := bodyOf(t, b.do(request("GET", "/openapi.json", "")))
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Info.Title != "Granary" || doc.Info.Version != "1.2.3" {
		t.Errorf("info = %+v, want Granary 1.2.3", doc.Info)
	}
	if got := doc.Paths["/inf"]["post"].Servers; len(got) != 2 || got[1]["url"] != "/api/" {
		t.Errorf("servers of /inf = %v, want / and /api/", got)
	}
	if got := doc.Paths["/api/version"]["get"].OperationID; got != "nachet_get_version" {
		t.Errorf("operation of /api/version = %q, want nachet's, which yields only at the root", got)
	}
	if got := doc.Paths["/version"]["get"].OperationID; got != "platform_get_version" {
		t.Errorf("operation of /version = %q, want the platform's", got)
	}
	if got := doc.Paths["/seeds/{id}"]["delete"]; got.Scope != "seeds" || len(got.Security) != 2 || len(got.Parameters) != 1 {
		t.Errorf("DELETE /seeds/{id} = %+v, want its scope, security and parameter", got)
	}
	if _, ok := doc.Components.Schemas["Problem"]; !ok || strings.Contains(text, "ErrorModel") {
		t.Errorf("schemas = %v, want Problem and no ErrorModel", doc.Components.Schemas)
	}
	if _, ok := doc.Paths["/"]; ok {
		t.Error("a hidden route is in the document")
	}
	for path, want := range map[string]string{"/version": "platform", "/api/version": "nachet", "/": "home"} {
		if got := bodyOf(t, b.do(request("GET", path, ""))); got != want {
			t.Errorf("GET %s = %q, want %q", path, got, want)
		}
	}
}

func TestDocsPages(t *testing.T) {
	t.Parallel()
	b := house(t)
	for target, want := range map[string][]string{
		"/docs":        {"/seeds/{id}", "/inf", "also at <code>/api/inf</code>", "token scope <code>seeds</code>", "schema-Problem", "by door", "Which model", "data:image/png"},
		"/docs/seeds":  {"What it is called.", "Triticum", "string: wheat, rye"},
		"/docs/nachet": {"/seed-data/{name}", "/openapi/nachet.json"},
	} {
		response := b.do(request("GET", target, ""))
		text := bodyOf(t, response)
		if response.StatusCode != 200 {
			t.Fatalf("GET %s = %d", target, response.StatusCode)
		}
		for _, part := range want {
			if !strings.Contains(text, part) {
				t.Errorf("GET %s lacks %q", target, part)
			}
		}
		for _, bad := range []string{"<script", "http://", "https://", "style=", "<no value>"} {
			if strings.Contains(text, bad) {
				t.Errorf("GET %s contains %q, want a page that needs nothing from outside", target, bad)
			}
		}
	}
	if response := b.do(request("GET", "/docs/style.css", "")); response.StatusCode != 200 || !strings.HasPrefix(response.Header.Get("Content-Type"), "text/css") {
		t.Errorf("GET /docs/style.css = %d %v", response.StatusCode, response.Header)
	}
}

func TestDoorsThatDisagreeOnASchemaAreRefused(t *testing.T) {
	t.Parallel()
	door := func(name string, add func(*web.Native)) web.Entry {
		n := web.NewNative(name)
		add(n)
		return web.Entry{Door: n}
	}
	type Thing struct {
		A string `json:"a"`
	}
	first := door("first", func(n *web.Native) {
		web.Handle(n, web.Operation{Method: "GET", Path: "/a", Access: web.Public, Summary: "A"}, func(context.Context, *struct{}) (*struct{ Body Thing }, error) { return nil, nil })
	})
	second := door("second", func(n *web.Native) {
		type Thing struct {
			B int `json:"b"`
		}
		web.Handle(n, web.Operation{Method: "GET", Path: "/b", Access: web.Public, Summary: "B"}, func(context.Context, *struct{}) (*struct{ Body Thing }, error) { return nil, nil })
	})
	_, err := web.New(web.Config{Listeners: []web.Listener{{Address: ":0"}}}, web.Hooks{Logger: discard()}, first, second)
	if err == nil || !strings.Contains(err.Error(), "different schemas named Thing") {
		t.Errorf("New = %v, want an error that names the schema", err)
	}
}

func TestStatusMapping(t *testing.T) {
	t.Parallel()
	for kind, want := range map[fault.Kind]int{
		fault.Internal: 500, fault.Invalid: 400, fault.Unauthenticated: 401, fault.Forbidden: 403, fault.NotFound: 404,
		fault.Conflict: 409, fault.TooLarge: 413, fault.RateLimited: 429, fault.Unavailable: 503, fault.Kind(200): 500,
	} {
		if got := web.Status(kind); got != want {
			t.Errorf("Status(%v) = %d, want %d", kind, got, want)
		}
		if got := web.StatusOf(fmt.Errorf("wrapped: %w", fault.New(kind, "x"))); got != want {
			t.Errorf("StatusOf(wrapped %v) = %d, want %d", kind, got, want)
		}
	}
	if got := web.StatusOf(context.DeadlineExceeded); got != 503 {
		t.Errorf("StatusOf(deadline) = %d, want 503", got)
	}
}
