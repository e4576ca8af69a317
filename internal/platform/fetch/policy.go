package fetch

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"granary/internal/platform/fault"
)

// Policy says which addresses a client may reach. It is checked on the name of
// each request and redirect, and on the address that the name resolved to at
// the moment of dialling, so that a name cannot change in between. Link-local
// addresses (RFC 3927, RFC 4291), where clouds keep credentials, and multicast
// are refused by every policy that does not except them. Behind a proxy only
// names and literal addresses can be checked: the proxy resolves.
type Policy struct {
	// PublicOnly refuses loopback, private (RFC 1918, RFC 4193), shared (RFC
	// 6598) and unspecified addresses too.
	PublicOnly bool
	// Except are networks that may be reached all the same.
	Except []netip.Prefix
	// Hosts, when there are any, are the only names that may be asked:
	// "example.org" itself, ".example.org" also everything under it.
	Hosts []string
}

var shared = netip.MustParsePrefix("100.64.0.0/10")

// CheckURL refuses a URL by its host, with an error of kind Forbidden; nothing is
// resolved.
func (p Policy) CheckURL(u *url.URL) error {
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if len(p.Hosts) > 0 && !slices.ContainsFunc(p.Hosts, func(allowed string) bool {
		allowed = strings.ToLower(allowed)
		return host == strings.TrimPrefix(allowed, ".") || (strings.HasPrefix(allowed, ".") && strings.HasSuffix(host, allowed))
	}) {
		return fault.New(fault.Forbidden, "the host %.100s is not among those that may be asked", host)
	}
	if address, err := netip.ParseAddr(host); err == nil {
		return p.checkAddress(address)
	}
	return nil
}

// checkAddress refuses an address of the network.
func (p Policy) checkAddress(address netip.Addr) error {
	address = address.Unmap().WithZone("")
	if slices.ContainsFunc(p.Except, func(n netip.Prefix) bool { return n.Contains(address) }) {
		return nil
	}
	local := address.IsLoopback() || address.IsPrivate() || address.IsUnspecified() || shared.Contains(address)
	if address.IsLinkLocalUnicast() || address.IsMulticast() || (p.PublicOnly && local) {
		return fault.New(fault.Forbidden, "the address %s may not be reached", address)
	}
	return nil
}

// Transport returns a new transport, for the caller to adjust, that checks each
// address before it connects. It goes through the proxies of HTTP_PROXY,
// HTTPS_PROXY and NO_PROXY. Hosts are for CheckURL.
func (p Policy) Transport() *http.Transport {
	proxies := &proxies{}
	dialer := net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	checked := dialer
	checked.ControlContext = func(_ context.Context, _, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("check address: %w", err)
		}
		return p.checkAddress(at.Addr())
	}
	return &http.Transport{
		Proxy: proxies.of,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if proxies.has(address) { // the operator's own choice
				return dialer.DialContext(ctx, network, address)
			}
			return checked.DialContext(ctx, network, address)
		},
		ForceAttemptHTTP2: true, MaxIdleConns: 100, MaxIdleConnsPerHost: 5, IdleConnTimeout: 90 * time.Second,
		TLSHandshakeTimeout: 10 * time.Second, ExpectContinueTimeout: time.Second, MaxResponseHeaderBytes: 1 << 20,
	}
}

// proxies remembers the addresses of the proxies that were used.
type proxies struct{ seen sync.Map }

// of returns the proxy of a request. Nobody may ask for the proxy itself: its
// address is the one that is dialled unchecked.
func (p *proxies) of(r *http.Request) (*url.URL, error) {
	proxy, err := http.ProxyFromEnvironment(r)
	if proxy != nil {
		p.seen.Store(endpoint(proxy), true)
	}
	if err == nil && proxy == nil && p.has(endpoint(r.URL)) {
		return nil, fault.New(fault.Forbidden, "the proxy itself may not be asked")
	}
	return proxy, err
}

func (p *proxies) has(address string) bool {
	_, used := p.seen.Load(address)
	return used
}

// endpoint returns host:port of a URL.
func endpoint(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "socks5": "1080", "socks5h": "1080"}[u.Scheme]
	}
	if port == "" {
		port = "80"
	}
	return net.JoinHostPort(u.Hostname(), port)
}
