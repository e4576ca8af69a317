package dataset_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"granary/internal/demos/dataset"
	"granary/internal/platform/fault"
)

// The golden vectors of the wire format.
func TestUIDsAreThoseThatClientsCompute(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"http://localhost:8001/media/datasets/ab-cd.zip":     "localhost8001^media^datasets^ab-cdzip",
		"https://www.example.org/iiif/a b%20c/manifest.json": "exampleorg^iiif^ab20c^manifestjson",
		"https://x.y/?a=1&b=2":                               "xy^?a=1&b=2",
		"http://h//media/x.zip":                              "h^^media^xzip",
		"  wit3_man3_anno3\n":                                "wit3_man3_anno3",
	} {
		if got := dataset.Sanitise(in); got != want {
			t.Errorf("Sanitise(%q) = %q, want %q", in, got, want)
		}
	}
	one := []dataset.Document{{Type: "zip", Src: "http://localhost:8001/media/datasets/ab-cd.zip"}}
	const base = "ad80f5be127c54db2e7434d77cfd34b050b5b37a70f6297e7170af41e90b4cae"
	if got := dataset.BaseUID(one); got != base {
		t.Errorf("BaseUID(%v) = %s, want %s", one, got, base)
	}
}

func TestSetUIDNamesTheCrops(t *testing.T) {
	t.Parallel()
	documents := []dataset.Document{{Type: "zip", Src: "a"}, {Type: "zip", Src: "b"}}
	base := dataset.BaseUID(documents)
	// SHA-256 of [{"a":1}], from sha256sum.
	const crops = "b713f6d2a989e907c58516a7c8bb487792c8785ddbf367b80dc774bf33b85a85"
	for in, want := range map[string]string{
		"": base, "null": base, " [ ] ": base,
		`[{"a":1}]`:        base + "@" + crops,
		"[ {\"a\": 1}\n ]": base + "@" + crops,
	} {
		if got := (dataset.Set{Documents: documents, Crops: json.RawMessage(in)}).UID(); got != want {
			t.Errorf("UID with crops %q = %s, want %s", in, got, want)
		}
	}
}

func TestDocumentNormal(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		in   dataset.Document
		want string
		kind fault.Kind
	}{
		{"uid given", dataset.Document{Type: "zip", UID: "a/b.c", Src: "http://h/x"}, "a^bc", 0},
		{"uid from the source", dataset.Document{Type: "iiif", Src: "http://h/m.json"}, "h^mjson", 0},
		{"parent folder", dataset.Document{Type: "zip", UID: "../../etc", Src: "x"}, "^^etc", 0},
		{"unknown type", dataset.Document{Type: "tar", UID: "a"}, "", fault.Invalid},
		{"nothing left", dataset.Document{Type: "zip", UID: " . ", Src: "http://h/x"}, "", fault.Invalid},
		{"too long", dataset.Document{Type: "zip", UID: strings.Repeat("a", 201)}, "", fault.Invalid},
		{"control character", dataset.Document{Type: "zip", UID: "a\x00b"}, "", fault.Invalid},
		{"not UTF-8", dataset.Document{Type: "zip", UID: "a\xff"}, "", fault.Invalid},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := tc.in.Normal()
			if got.UID != tc.want || fault.Of(err) != tc.kind {
				t.Errorf("Normal(%+v) = %q, %v; want %q, kind %v", tc.in, got.UID, err, tc.want, tc.kind)
			}
		})
	}
	_, err := dataset.Document{Type: "tar"}.Normal()
	if diff := cmp.Diff("Unknown document type: tar", fault.Message(err)); diff != "" {
		t.Errorf("message of an unknown type (-want +got):\n%s", diff)
	}
}

func FuzzSanitise(f *testing.F) {
	for _, seed := range []string{"", "http://www.www..:%/", "https://http://a", " www.w.ww. ", "a\x00\xff/../..", "wwwww..."} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		out := dataset.Sanitise(in)
		if strings.ContainsAny(out, "/.:%") || strings.ContainsFunc(out, unicode.IsSpace) {
			t.Errorf("Sanitise(%q) = %q, which has what it must drop", in, out)
		}
		if again := dataset.Sanitise(out); again != out {
			t.Errorf("Sanitise(%q) = %q, not stable: %q", in, out, again)
		}
		document, err := dataset.Document{Type: "zip", UID: in, Src: "x"}.Normal()
		if err == nil && (document.UID == "" || strings.ContainsAny(document.UID, "/\x00")) {
			t.Errorf("Normal accepted the uid %q", document.UID)
		}
	})
}
