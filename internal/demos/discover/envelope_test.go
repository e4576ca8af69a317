package discover

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"granary/internal/demos/manifest"
	"granary/internal/platform/fault"
)

// FuzzReadEnvelope feeds bodies of every form: whatever is read has members
// that are JSON, and whatever is refused is refused as the caller's error.
func FuzzReadEnvelope(f *testing.F) {
	f.Add("application/json", `{"experiment_id":"e","documents":"[]","parameters":"{\"a\":1}"}`)
	f.Add("application/json; charset=utf-8", `{"documents":{"a":"http://x.example/"},"callback":"u"}`)
	f.Add("application/x-www-form-urlencoded", `documents=%5B%5D&a=b+c&a=d`)
	f.Add("multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"image\"; filename=\"x\"\r\n\r\nxyz\r\n--b--\r\n")
	f.Add("multipart/form-data", "--")
	f.Add("", "")
	endpoint := &manifest.Endpoint{Bodies: []string{"json", "form", "multipart"}, Upload: "image"}
	f.Fuzz(func(t *testing.T, contentType, body string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/x/start", strings.NewReader(body))
		r.Header.Set("Content-Type", contentType)
		env, err := readEnvelope(r, endpoint)
		if err == nil {
			for name, value := range env.fields {
				if !json.Valid(value) {
					t.Errorf("member %q = %q, which is no JSON", name, value)
				}
			}
			if _, err = env.documents(); err == nil {
				_, err = env.parameters()
			}
		}
		if err != nil && fault.Of(err) == fault.Internal {
			t.Errorf("%s, %q is refused with %v, as if it were our fault", contentType, body, err)
		}
	})
}
