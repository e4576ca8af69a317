package web

import (
	"net/netip"
	"testing"
)

func FuzzForwardedFor(f *testing.F) {
	for _, seed := range []string{"", "192.0.2.7", "1.1.1.1, 10.0.0.2", "[2001:db8::5]:99,10.0.0.1", "::ffff:10.0.0.1", "fe80::1%eth0", ",,,", "unknown, _hidden", "10.0.0.1:x"} {
		f.Add(seed)
	}
	peer, proxies := netip.MustParseAddr("10.0.0.1"), netip.MustParsePrefix("10.0.0.0/8")
	s := &Server{config: Config{TrustedProxies: []netip.Prefix{proxies}}}
	f.Fuzz(func(t *testing.T, header string) {
		got := s.forwardedFor([]string{header}, peer)
		if !got.IsValid() || got.Zone() != "" || got.Is4In6() {
			t.Errorf("forwardedFor(%q) = %v, want a plain address", header, got)
		}
	})
}
