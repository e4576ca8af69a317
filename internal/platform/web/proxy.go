package web

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// applyProxies works out the client's address, scheme and host. Forwarding
// headers of an untrusted peer are removed, so that no handler can believe
// them by accident (OWASP ASVS 5.0, 4.1.3). It reports whether the peer is a
// trusted proxy.
func (s *Server) applyProxies(r *http.Request, x *exchange) bool {
	peer := peerAddr(r.RemoteAddr)
	x.client, x.secure = peer, r.TLS != nil
	trusted := s.trusts(peer)
	if trusted {
		x.client = s.forwardedFor(r.Header.Values("X-Forwarded-For"), peer)
		if proto := lastValue(r.Header.Values("X-Forwarded-Proto")); proto != "" {
			x.secure = strings.EqualFold(proto, "https")
		}
		if host := lastValue(r.Header.Values("X-Forwarded-Host")); saneHost(host) {
			r.Host = host
		}
	}
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Real-Ip"} {
		r.Header.Del(name)
	}
	return trusted
}

func (s *Server) trusts(a netip.Addr) bool {
	return slices.ContainsFunc(s.config.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(a) })
}

// forwardedFor walks the chain from the nearest hop back to the first that
// is no trusted proxy; what stands before it may be forged.
func (s *Server) forwardedFor(values []string, peer netip.Addr) netip.Addr {
	hops := strings.Split(strings.Join(values, ","), ",")
	client := peer
	for _, hop := range slices.Backward(hops) {
		a := peerAddr(strings.TrimSpace(hop))
		if !a.IsValid() {
			break
		}
		client = a
		if !s.trusts(a) {
			break
		}
	}
	return client
}

// peerAddr parses an address with or without a port; the zero Addr when it
// is none.
func peerAddr(text string) netip.Addr {
	if ap, err := netip.ParseAddrPort(text); err == nil {
		return ap.Addr().Unmap().WithZone("")
	}
	a, err := netip.ParseAddr(strings.Trim(text, "[]"))
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}

// lastValue is the entry that the nearest proxy added.
func lastValue(values []string) string {
	if len(values) == 0 {
		return ""
	}
	list := values[len(values)-1]
	return strings.TrimSpace(list[strings.LastIndexByte(list, ',')+1:])
}

func saneHost(host string) bool {
	return host != "" && len(host) <= 255 && !strings.ContainsAny(host, " /\\?#@\"'<>\t\r\n")
}
