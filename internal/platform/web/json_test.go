package web_test

import (
	"encoding/json"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"granary/internal/platform/fault"
	"granary/internal/platform/web"
)

type sample struct {
	Name  string         `json:"name"`
	Count int            `json:"count"`
	Any   map[string]any `json:"any"`
}

func TestUnmarshalJSON(t *testing.T) {
	t.Parallel()
	deep := func(n int) string { return `{"any":{"x":` + strings.Repeat("[", n) + strings.Repeat("]", n) + "}}" }
	long := func(n int) string { return `{"any":{"x":[` + strings.Repeat("1,", n-1) + "1]}}" }
	for _, tc := range []struct {
		name, body string
		strict     bool
		kind       fault.Kind // Internal means success
		message    string
	}{
		{"object", ` {"name":"a","count":3} `, true, fault.Internal, ""},
		{"unknown field, lenient", `{"nme":"a"}`, false, fault.Internal, ""},
		{"unknown field, strict", `{"nme":"a"}`, true, fault.Invalid, `unknown field "nme"`},
		{"empty", ``, true, fault.Invalid, "empty"},
		{"blank", ` `, true, fault.Invalid, "empty"},
		{"cut off", `{"name":"a`, true, fault.Invalid, "not JSON at byte 10, its end"},
		{"no JSON", `name=a`, true, fault.Invalid, "not JSON at byte"},
		{"wrong type", `{"count":"three"}`, true, fault.Invalid, "count must be a whole number, not string"},
		{"fraction for a whole number", `{"count":1.5}`, true, fault.Invalid, "count must be a whole number"},
		{"wrong type of all", `[]`, true, fault.Invalid, "the body must be an object, not array"},
		{"second value", `{} {}`, true, fault.Invalid, "goes on after"},
		{"second value, lenient", `{}xy`, false, fault.Invalid, "not JSON at byte 3"},
		{"cut off, lenient", `{"name":"a`, false, fault.Invalid, "not JSON at byte 10, its end"},
		{"as deep as allowed", deep(62), true, fault.Internal, ""},
		{"too deep", deep(63), true, fault.Invalid, "nested more than 64"},
		{"far too deep", strings.Repeat("[", 1<<20), true, fault.Invalid, "nested more than 64"},
		{"brackets in a string do not count", `{"name":"` + strings.Repeat(`[\"{,\\`, 100) + `"}`, true, fault.Internal, ""},
		{"as long as allowed", long(web.MaxJSONLength), true, fault.Internal, ""},
		{"too long", long(web.MaxJSONLength + 1), true, fault.TooLarge, "more than 1000000 elements"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var v sample
			err := web.UnmarshalJSON([]byte(tc.body), &v, tc.strict)
			if tc.kind == fault.Internal {
				if err != nil {
					t.Errorf("UnmarshalJSON = %v, want no error", err)
				}
				return
			}
			if fault.Of(err) != tc.kind || !strings.Contains(fault.Message(err), tc.message) {
				t.Errorf("UnmarshalJSON = %v (%v), want %v with %q", err, fault.Of(err), tc.kind, tc.message)
			}
		})
	}
}

func TestWriteJSON(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	web.WriteJSON(w, 200, map[string]any{"b": "<&>", "a": 1})
	if got, want := w.Body.String(), `{"a":1,"b":"<&>"}`; got != want {
		t.Errorf("WriteJSON wrote %q, want %q", got, want)
	}
	want := http.Header{"Content-Type": {"application/json"}, "Content-Length": {"17"}}
	if diff := cmp.Diff(want, w.Header()); diff != "" {
		t.Errorf("WriteJSON headers (-want +got):\n%s", diff)
	}
}

func TestWriteJSONOfWhatCannotBeEncoded(t *testing.T) {
	t.Parallel()
	bad := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { web.WriteJSON(w, 200, math.NaN()) })
	b := setup(t, web.Config{}, web.Entry{Door: &arrayDoor{"d", []web.Route{route("GET", "/nan", web.Public, bad)}}})
	response := b.do(request("GET", "/nan", ""))
	if text := bodyOf(t, response); response.StatusCode != 500 || text != `["internal error"]` {
		t.Errorf("GET /nan = %d %s, want 500 in the door's shape", response.StatusCode, text)
	}
	if len(b.log.lines(t, "request failed")) != 1 {
		t.Error("the encoding error was not logged once")
	}
}

func FuzzUnmarshalJSON(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"name":"a\"b\\","count":1,"any":{"x":[1,[2,{"y":null}]]}}`, `[`, `"`, `"\`, `{"a":"\\"}`, `]]`, `,,`, strings.Repeat("[", 70), "\xff\x00", `{} {}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var v any
		err := web.UnmarshalJSON(data, &v, true)
		if err != nil && fault.Of(err) == fault.Internal {
			t.Fatalf("UnmarshalJSON(%q) = %v, an error without a kind", data, err)
		}
		if (err == nil) != json.Valid(data) && !strings.Contains(err.Error(), "nested") {
			t.Fatalf("UnmarshalJSON(%q) = %v, but json.Valid = %t", data, err, json.Valid(data))
		}
		if depth := depthOf(v); depth > web.MaxJSONDepth {
			t.Fatalf("UnmarshalJSON(%q) let depth %d pass", data, depth)
		}
	})
}

func depthOf(v any) int {
	deepest := 0
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			deepest = max(deepest, depthOf(e))
		}
	case map[string]any:
		for _, e := range v {
			deepest = max(deepest, depthOf(e))
		}
	default:
		return 0
	}
	return deepest + 1
}
