package manifest_test

import (
	"encoding/json"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"granary/apps"
	"granary/internal/demos/manifest"
)

const small = `
name: echo
prefixes: [/echo]
worker: {command: [python3, echo.py]}
endpoints:
  - actor: echo
    parameters:
      times: {type: integer, default: 1, min: 1, max: 9}
      loud: {type: boolean}
`

func TestBuiltinManifestsAreValid(t *testing.T) {
	t.Parallel()
	files, err := fs.Glob(apps.Files, "*/"+manifest.FileName)
	if err != nil || len(files) != 6 {
		t.Fatalf("found %q, %v; want six manifests", files, err)
	}
	for _, file := range files {
		data, err := apps.Files.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		m, err := manifest.Read(data)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if want, _, _ := strings.Cut(file, "/"); m.Name != want {
			t.Errorf("%s names %s", file, m.Name)
		}
		for _, e := range m.Endpoints {
			if e.Parameters == nil {
				t.Errorf("%s%s: no parameters", m.Name, e.Path)
			}
		}
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ old, new, want string }{
		"an unknown key":         {"name: echo", "name: echo\ncolour: red", "field colour not found"},
		"a second document":      {"name: echo", "name: echo\n---\nname: other", "more than one document"},
		"a name with a slash":    {"name: echo", "name: ../echo", "want snake_case"},
		"a prefix of the house":  {"/echo", "/api/v1", "that is not taken"},
		"no program":             {"[python3, echo.py]", "[]", "the program is missing"},
		"a mode":                 {"[python3, echo.py]", "[python3], mode: hot", `"hot" is not one of`},
		"a parameter type":       {"type: boolean", "type: complex", `"complex" is not known`},
		"a default out of range": {"default: 1", "default: 10", "10 is more than 9"},
		"a result outside":       {"actor: echo", `actor: echo` + "\n    " + `result: {path: "/{id}/result", file: "../{id}"}`, "inside the app's folder"},
	}
	for name, test := range tests {
		_, err := manifest.Read([]byte(strings.Replace(small, test.old, test.new, 1)))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: Read = %v, want an error with %q", name, err, test.want)
		}
	}
}

func TestValues(t *testing.T) {
	t.Parallel()
	parameters := manifest.Parameters{
		{Name: "n", Type: "integer", Default: 10},
		{Name: "ratio", Type: "number"},
		{Name: "on", Type: "boolean", Default: true},
		{Name: "turns", Type: "list", Enum: []string{"none", "hflip"}, Default: []any{"none"}},
		{Name: "model", Type: "string", Stem: true, Default: "base"},
		{Name: "options", Type: "object"},
	}
	tests := map[string]struct {
		given map[string]any
		want  map[string]any
	}{
		"nothing": {nil, map[string]any{"n": int64(10), "ratio": nil, "on": true, "turns": []any{"none"}, "model": "base", "options": nil}},
		"texts of a form": {
			map[string]any{"n": "3", "ratio": "0.5", "on": "False", "turns": "hflip,none", "model": "a.pth", "options": `{"k": 1}`, "other": 1},
			map[string]any{"n": int64(3), "ratio": 0.5, "on": false, "turns": []any{"hflip", "none"}, "model": "a", "options": map[string]any{"k": 1.0}},
		},
		"null and empty text": {
			map[string]any{"n": nil, "model": "", "on": ""},
			map[string]any{"n": int64(10), "ratio": nil, "on": true, "turns": []any{"none"}, "model": "base", "options": nil},
		},
	}
	for name, test := range tests {
		got, err := parameters.Values(raw(t, test.given))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for name, given := range map[string]map[string]any{
		"a fraction":     {"n": 1.5},
		"words":          {"n": "many"},
		"not in the set": {"turns": []any{"upside"}},
		"not a list":     {"turns": map[string]any{}},
		"not true":       {"on": "maybe"},
		"not an object":  {"options": "[1]"},
		"a huge number":  {"n": 1e300},
	} {
		if got, err := parameters.Values(raw(t, given)); err == nil {
			t.Errorf("%s: Values = %v, want an error", name, got)
		}
	}
}

func raw(t *testing.T, values map[string]any) map[string]json.RawMessage {
	t.Helper()
	out := map[string]json.RawMessage{}
	for name, value := range values {
		data, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		out[name] = data
	}
	return out
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(small))
	f.Add([]byte("name: [\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := manifest.Read(data)
		if err == nil && (m.Name == "" || len(m.Endpoints) == 0) {
			t.Errorf("Read accepted a manifest without name or endpoints")
		}
	})
}
