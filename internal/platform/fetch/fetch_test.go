package fetch_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"granary/internal/platform/fault"
	"granary/internal/platform/fetch"
)

func TestGet(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/ok":
			_, _ = w.Write([]byte("hello"))
		case "/long":
			_, _ = w.Write([]byte(strings.Repeat("x", 100)))
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/hang":
			<-release
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(release) })
	client := fetch.New(fetch.Config{Timeout: 300 * time.Millisecond, MaxRedirects: 3})
	for _, tc := range []struct {
		name, address, body string
		kind                fault.Kind
	}{
		{"a document", server.URL + "/ok", "hello", fault.Internal},
		{"longer than allowed", server.URL + "/long", "", fault.TooLarge},
		{"redirects for ever", server.URL + "/loop", "", fault.Unavailable},
		{"never answers", server.URL + "/hang", "", fault.Unavailable},
		{"missing", server.URL + "/none", "", fault.Unavailable},
		{"not http", "file:///etc/passwd", "", fault.Invalid},
	} {
		t.Run(tc.name, func(t *testing.T) {
			body, err := client.Get(t.Context(), tc.address, 50)
			if string(body) != tc.body || fault.Of(err) != tc.kind {
				t.Errorf("Get(%s) = %q, %v; want %q and kind %v", tc.address, body, err, tc.body, tc.kind)
			}
		})
	}
}
