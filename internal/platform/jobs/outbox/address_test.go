package outbox

import (
	"net/http"
	"strings"
	"testing"

	"granary/internal/platform/fault"
)

// FuzzAddress asks of every address that is taken that a request line can
// carry it and that nothing of its query is shown.
func FuzzAddress(f *testing.F) {
	for _, address := range []string{
		"http://h/watch?token=secret", "https://u:secret@h:1/a%2Fb//c?x=secret&y", "http://[::1]/?q=é\"<",
		"file:///etc/passwd", "http://h\n/", "//h", "http:///x", "http://0?", "http://h?&=&", "http://ü.example/#x",
	} {
		f.Add(address)
	}
	f.Fuzz(func(t *testing.T, address string) {
		if err := CheckURL(address); err != nil {
			if !fault.Is(err, fault.Invalid) {
				t.Fatalf("CheckURL(%q) = %v, want Invalid", address, err)
			}
			return
		}
		u, err := verbatim(address)
		if err != nil {
			t.Fatalf("verbatim(%q) = %v", address, err)
		}
		var line strings.Builder
		request := &http.Request{Method: http.MethodPost, URL: u, Host: "h", Header: http.Header{}}
		if err := request.Write(&line); err != nil {
			t.Fatalf("request for %q: %v", address, err)
		}
		first, _, _ := strings.Cut(line.String(), "\r\n")
		if strings.Count(first, " ") != 2 || strings.ContainsFunc(first, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Fatalf("the request line for %q is %q", address, first)
		}
		if _, query, found := strings.Cut(masked(address), "?"); found {
			for pair := range strings.SplitSeq(query, "&") {
				if !strings.HasSuffix(pair, "…") {
					t.Fatalf("the address %q is shown as %q", address, masked(address))
				}
			}
		}
	})
}
