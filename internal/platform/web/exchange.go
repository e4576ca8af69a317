package web

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"net/netip"
	"time"
)

// exchange is what the middleware knows of one request. It is reached
// through the context; only the request's own goroutine writes it.
type exchange struct {
	server  *Server
	id      string
	client  netip.Addr
	secure  bool
	start   time.Time
	door    *mountedDoor    // nil until routed
	route   string          // the matched pattern's path
	quiet   bool            // logged at debug level
	logged  bool            // an internal error was logged
	aborted bool            // a panic cut the connection
	ctx     context.Context // with the ids, for the access log
	userID  string
	body    *body
}

type exchangeKey struct{}

func exchangeFrom(ctx context.Context) *exchange {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	return x
}

func (x *exchange) doorName() string {
	if x.door == nil {
		return ""
	}
	return x.door.door.Name()
}

// ids returns the log attributes that no Tag hook puts into the context.
func (x *exchange) ids() slog.Attr {
	if x.server.hooks.Tag != nil {
		return slog.Attr{} // handlers drop an empty attribute
	}
	attrs := []any{slog.String("request_id", x.id)}
	if x.userID != "" {
		attrs = append(attrs, slog.String("user_id", x.userID))
	}
	return slog.Group("", attrs...) // an unnamed group is inlined
}

// RequestID returns the id of the request that ctx belongs to, or "".
func RequestID(ctx context.Context) string {
	if x := exchangeFrom(ctx); x != nil {
		return x.id
	}
	return ""
}

// ClientAddr returns the address of the client, behind any trusted proxies;
// the zero Addr outside a request.
func ClientAddr(ctx context.Context) netip.Addr {
	if x := exchangeFrom(ctx); x != nil {
		return x.client
	}
	return netip.Addr{}
}

// IsSecure reports whether the client's own connection is HTTPS: TLS here,
// or X-Forwarded-Proto https from a trusted proxy.
func IsSecure(r *http.Request) bool {
	if x := exchangeFrom(r.Context()); x != nil {
		return x.secure
	}
	return r.TLS != nil
}

// BaseURL is how the client of the request of ctx reached host: scheme and
// host, without a slash at the end.
func BaseURL(ctx context.Context, host string) string {
	if x := exchangeFrom(ctx); x != nil && x.secure {
		return "https://" + host
	}
	return "http://" + host
}

// newRequestID returns 26 random characters (130 bits of base 32).
func newRequestID() string { return rand.Text() }

// saneID reports whether an inbound request id may be taken over: short and
// of characters that need no quoting anywhere.
func saneID(id string) bool {
	if id == "" || len(id) > 128 {
		return false
	}
	for _, c := range []byte(id) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9',
			c == '-', c == '_', c == '.', c == ':', c == '=', c == '/', c == '+':
		default:
			return false
		}
	}
	return true
}
