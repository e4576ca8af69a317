package nachet

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

type hoistTarget struct {
	Name  string  `json:"name"`
	Image hoisted `json:"image"`
}

// plain is the same body without any hoisting.
type plain struct {
	Name  string `json:"name"`
	Image string `json:"image"`
}

func TestHoistDecodesLikeJSON(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("QUJD", 3000)
	for name, body := range map[string]string{
		"short":            `{"name":"x","image":"data:,abc"}`,
		"long":             `{"image":"data:image/png;base64,` + long + `","name":"x"}`,
		"escaped slashes":  `{"image":"data:image\/png;base64,` + long + `"}`,
		"quotes inside":    `{"image":"a\"b` + long + `\\","name":"\\"}`,
		"unicode escape":   `{"image":"\u00e9` + long + `"}`,
		"two long strings": `{"name":"` + long + `","image":"` + long + `!"}`,
		"spaced":           "{ \"image\" \n:\t\"" + long + `" }`,
		"long name":        `{"name":"` + long + `","other":"` + long + `","image":"x"}`,
		"long list":        `{"other":["image","` + long + `"],"image":"x"}`,
		"spelt otherwise":  `{"IMAGE":"` + long + `"}`,
		"null":             `{"image":null}`,
		"stand-in by hand": `{"image":"` + standIn + `0","name":"y"}`,
		"number":           `{"image":12}`,
		"not closed":       `{"image":"` + long,
		"trailing":         `{"image":"x"} {`,
		"not an object":    `["` + long + `"]`,
		"empty":            ``,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			compareWithJSON(t, []byte(body))
		})
	}
}

func FuzzHoist(f *testing.F) {
	f.Add([]byte(`{"name":"x","image":"` + strings.Repeat("A", longString) + `"}`))
	f.Add([]byte(`{"image":"` + strings.Repeat(`\"`, longString) + `"}`))
	f.Add([]byte(`{"image":"` + strings.Repeat("A", longString)))
	f.Add([]byte(`"\`))
	f.Fuzz(func(t *testing.T, body []byte) { compareWithJSON(t, body) })
}

// compareWithJSON fails when hoisting changes what a body means.
func compareWithJSON(t *testing.T, body []byte) {
	t.Helper()
	var want plain
	wantErr := json.Unmarshal(body, &want)
	if strings.Contains(want.Image, standIn) {
		return
	}
	var got hoistTarget
	long, gotErr := decodeBody(bytes.Clone(body), &got)
	if gotErr == nil {
		gotErr = got.Image.resolve(long)
	}
	if (gotErr == nil) != (wantErr == nil) {
		t.Fatalf("decodeBody(%.80q) error = %v, encoding/json says %v", body, gotErr, wantErr)
	}
	if gotErr == nil && got.Name != want.Name {
		t.Fatalf("decodeBody(%.80q) name = %.80q, want %.80q", body, got.Name, want.Name)
	}
	if gotErr == nil && string(got.Image.text) != want.Image && json.Valid(body) {
		// Invalid UTF-8 inside a hoisted text stays as it is: base64 refuses it.
		if strings.ContainsRune(want.Image, '\uFFFD') {
			return
		}
		t.Fatalf("decodeBody(%.80q) image = %.80q, want %.80q", body, got.Image.text, want.Image)
	}
}
