package raster

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"image"
	"strings"
	"testing"

	"granary/internal/platform/fault"
)

func dataURL(header string, data []byte) string {
	return header + "," + base64.StdEncoding.EncodeToString(data)
}

func TestParseDataURL(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, in, header, data string
		ok                     bool
	}{
		{"usual", "data:image/png;base64,aGk=", "data:image/png;base64", "hi", true},
		{"line breaks and blanks", "x,aG\r\n k=\t", "x", "hi", true},
		{"empty data", "data:image/png;base64,", "data:image/png;base64", "", true},
		{"only the first comma", "a,b,c", "", "", false},
		{"no comma", "aGk=", "", "", false},
		{"no padding", "x,aGk", "", "", false},
		{"other alphabet", "x,_-__", "", "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			header, data, err := ParseDataURL([]byte(tc.in))
			if (err == nil) != tc.ok || header != tc.header || string(data) != tc.data {
				t.Errorf("ParseDataURL(%q) = %q, %q, %v, want %q, %q, ok %t", tc.in, header, data, err, tc.header, tc.data, tc.ok)
			}
			if err != nil && !fault.Is(err, fault.Invalid) {
				t.Errorf("ParseDataURL(%q) kind = %v, want invalid", tc.in, fault.Of(err))
			}
		})
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	small := sample(t, PNG, gradient(30, 20))
	damaged := bytes.Clone(small)
	damaged[60] ^= 0xff
	flat := func(w, h int) []byte { return sample(t, PNG, image.NewGray(image.Rect(0, 0, w, h))) }
	sum := sha256.Sum256(small)
	for _, tc := range []struct {
		name, url string
		rules     Rules
		want      string // the error, or the digest
	}{
		{"accepted", dataURL("data:image/png;base64", small), Rules{}, hex.EncodeToString(sum[:])},
		{"case of the header", dataURL("data:image/PNG;base64", small), Rules{}, hex.EncodeToString(sum[:])},
		{"both sides too long", dataURL("data:image/png;base64", flat(2000, 2000)), Rules{}, "invalid file size: 2000x2000"},
		{"one side too long", dataURL("data:image/x;base64", flat(2000, 1000)), Rules{}, "invalid file header: data:image/x;base64"},
		{"own limits", dataURL("data:image/png;base64", small), Rules{MaxWidth: 29, MaxHeight: 19}, "invalid file size: 30x20"},
		{"half-set limits", dataURL("data:image/png;base64", small), Rules{MaxWidth: 1}, hex.EncodeToString(sum[:])},
		{"damaged", dataURL("data:image/png;base64", damaged), Rules{}, "invalid file not resizable"},
		{"cut short", dataURL("data:image/png;base64", small[:len(small)-20]), Rules{}, "invalid file not resizable"},
		{"extension", dataURL("data:image/png;base64", small), Rules{Extensions: []string{"jpeg"}}, "invalid file extension: png"},
		{"pixmap", dataURL("data:image/ppm;base64", []byte("P6\n1 1\n255\nabc")), Rules{}, "invalid file extension: x-portable-pixmap"},
		{"x bitmap", dataURL("data:image/xbm;base64", []byte("#define a_width 8\n#define a_height 1\n")), Rules{}, "invalid file extension: plain"},
		{"header", dataURL("data:image/", small), Rules{}, "invalid file header: data:image/"},
		{"jpg for jpeg", dataURL("data:image/jpg;base64", sample(t, JPEG, gradient(9, 9))), Rules{}, "invalid file header: data:image/jpg;base64"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := tc.rules.Validate([]byte(tc.url))
			if err != nil {
				got = err.Error()
				if !errors.As(err, new(*RuleError)) || !fault.Is(err, fault.Invalid) {
					t.Errorf("Validate() = %T of kind %v, want a *RuleError of kind invalid", err, fault.Of(err))
				}
			}
			if got != tc.want {
				t.Errorf("Validate() = %q, want %q", got, tc.want)
			}
		})
	}
	for _, url := range []string{"", "no comma", "data:image/png;base64,???", dataURL("data:image/png;base64", []byte("text"))} {
		if _, err := (Rules{}).Validate([]byte(url)); err == nil || errors.As(err, new(*RuleError)) {
			t.Errorf("Validate(%q) = %v, want an error that is no broken rule", url, err)
		}
	}
}

func TestValidateQuotesLittle(t *testing.T) {
	t.Parallel()
	_, err := Rules{}.Validate([]byte(dataURL(strings.Repeat("é", 1<<20), sample(t, PNG, gradient(2, 2)))))
	if err == nil || len(err.Error()) > 200 {
		t.Errorf("Validate(1 MiB header) error has %d bytes, want at most 200", len(err.Error()))
	}
}
