package fetch_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"granary/internal/platform/fault"
	"granary/internal/platform/fetch"
)

func TestPolicy(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if to := r.URL.Query().Get("to"); to != "" {
			http.Redirect(w, r, to, http.StatusFound)
			return
		}
		_, _ = w.Write([]byte("ok"))
	}))
	t.Cleanup(server.Close)
	named := strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	loopback := netip.MustParsePrefix("127.0.0.0/8")
	for _, tc := range []struct {
		name    string
		policy  fetch.Policy
		address string
		allowed bool
	}{
		{"anything", fetch.Policy{}, server.URL, true},
		{"metadata of a cloud", fetch.Policy{}, "http://169.254.169.254/latest", false},
		{"metadata of a cloud, mapped", fetch.Policy{}, "http://[::ffff:169.254.169.254]/", false},
		{"metadata by redirect", fetch.Policy{}, server.URL + "/?to=http://169.254.169.254/", false},
		{"loopback by address", fetch.Policy{PublicOnly: true}, server.URL, false},
		{"loopback by name", fetch.Policy{PublicOnly: true}, named, false},
		{"loopback excepted", fetch.Policy{PublicOnly: true, Except: []netip.Prefix{loopback}}, server.URL, true},
		{"private", fetch.Policy{PublicOnly: true}, "http://10.1.2.3/", false},
		{"shared", fetch.Policy{PublicOnly: true}, "http://100.64.0.1/", false},
		{"unique local", fetch.Policy{PublicOnly: true}, "http://[fd00::1]/", false},
		{"unspecified", fetch.Policy{PublicOnly: true}, "http://0.0.0.0/", false},
		{"host named", fetch.Policy{Hosts: []string{"127.0.0.1"}}, server.URL, true},
		{"host not named", fetch.Policy{Hosts: []string{"example.org"}}, server.URL, false},
		{"end of a name", fetch.Policy{Hosts: []string{".example.org"}}, "http://badexample.org/", false},
		{"redirect to a host not named", fetch.Policy{Hosts: []string{"127.0.0.1"}}, server.URL + "/?to=" + named, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			body, err := fetch.New(fetch.Config{Policy: tc.policy, Attempts: 3}).Get(t.Context(), tc.address, 10)
			if tc.allowed && (err != nil || string(body) != "ok") {
				t.Errorf("Get(%s) = %q, %v; want it allowed", tc.address, body, err)
			}
			if !tc.allowed && !fault.Is(err, fault.Forbidden) {
				t.Errorf("Get(%s) = %q, %v; want it forbidden", tc.address, body, err)
			}
		})
	}
}
