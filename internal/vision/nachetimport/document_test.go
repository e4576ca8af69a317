package nachetimport

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDocumentReadsWhatIsThere(t *testing.T) {
	t.Parallel()
	type reading struct {
		Text, Colour, Indices string
		Number                float64
		Count                 int64
		Numbered, Counted     bool
	}
	for text, want := range map[string]reading{
		`{"text":"x","color":"#ed1C24","indices":[1,2],"n":"3"}`: {"x", `"#ed1C24"`, "[1,2]", 3, 3, true, true},
		`{"text":1,"color":[1,2,3],"indices":[1.5],"n":2.5}`:     {"", "[1,2,3]", "[]", 2.5, 0, true, false},
		`{"color":[1,2],"indices":["1"],"n":-1}`:                 {"", "", "[]", -1, 0, true, false},
		`{"color":"red","n":1e999}`:                              {"", "", "[]", 0, 0, false, false},
		`{"n":"NaN"}`:                                            {Indices: "[]"}, `[]`: {Indices: "[]"}, `null`: {Indices: "[]"}, `{"n":`: {Indices: "[]"}, ``: {Indices: "[]"},
	} {
		d, _ := parseDocument(text)
		var got reading
		got.Text = d.text("text")
		got.Colour, _ = d.colour("color")
		got.Indices, _ = d.indices("indices")
		if got.Number, got.Numbered = d.number("n"); !got.Numbered {
			got.Number = 0
		}
		got.Count, got.Counted = d.count("n")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("parseDocument(%s) (-want +got):\n%s", text, diff)
		}
	}
}

func FuzzDocument(f *testing.F) {
	for _, text := range []string{
		`{"box":{"topX":1,"topY":2.5,"bottomX":"3","bottomY":4},"color":"#005AFF","overlapping":true,"overlappingIndices":[2]}`,
		`{"color":[1,2,3],"overlappingIndices":[1e3]}`, `[]`, `{"box":[]}`, `{"box":{"topX":1e400}}`, `{`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, _ := parseDocument(text)
		if rect, ok := rectOf(d.object("box")); ok && (rect.TopX > rect.BottomX || rect.TopY > rect.BottomY) {
			t.Errorf("rectOf(%q) = %+v, want ordered corners", text, rect)
		}
		colour, ok := d.colour("color")
		if indices, _ := d.indices("overlappingIndices"); !json.Valid([]byte(indices)) || ok && !json.Valid([]byte(colour)) {
			t.Errorf("%q gives colour %q and indices %q, want JSON", text, colour, indices)
		}
	})
}
