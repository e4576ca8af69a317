package identity

import (
	"context"
	"net/http"
	"strings"
	"time"
)

// Config holds what an operator may choose. The zero value is safe.
type Config struct {
	// PublicURL is the address that browsers use. An https one makes session
	// cookies Secure even where TLS ends at a proxy.
	PublicURL string
	// SessionIdle ends a session that was not used for so long. Defaults to 12 h.
	SessionIdle time.Duration
	// SessionAbsolute ends a session however busy it is. Defaults to 7 days.
	SessionAbsolute time.Duration
	// LoginPerMinute is how many sign-in attempts one account gets from one
	// address before it has to wait. Defaults to 10.
	LoginPerMinute int
	// Vouch says how the cookie of a Vouch proxy is read. Off by default.
	Vouch VouchConfig
	// Argon2 is the cost of one password hash. Defaults to the second
	// recommended option of RFC 9106, section 4.
	Argon2 Argon2
	// HashSlots is how many hashes may run at once; each takes
	// Argon2.MemoryKiB, and about as much again until it is collected.
	// Defaults to 1, which with four threads keeps four cores busy.
	HashSlots int
	// Secure reports whether the browser's side of a request is encrypted; it
	// knows which proxies to believe. Defaults to whether the request itself
	// came over TLS.
	Secure func(*http.Request) bool
	// RequestID names the request in a context, for the audit trail. Defaults
	// to a function that returns "".
	RequestID func(context.Context) string
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
}

func (c Config) withDefaults() Config {
	if c.SessionIdle <= 0 {
		c.SessionIdle = 12 * time.Hour
	}
	if c.SessionAbsolute <= 0 {
		c.SessionAbsolute = 7 * 24 * time.Hour
	}
	if c.LoginPerMinute <= 0 {
		c.LoginPerMinute = 10
	}
	if c.Argon2 == (Argon2{}) {
		c.Argon2 = Argon2{Time: 3, MemoryKiB: 64 * 1024, Threads: 4}
	}
	if c.HashSlots <= 0 {
		c.HashSlots = 1
	}
	if c.RequestID == nil {
		c.RequestID = func(context.Context) string { return "" }
	}
	if c.Secure == nil {
		c.Secure = func(r *http.Request) bool { return r.TLS != nil }
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// publicIsHTTPS reports whether browsers reach the server over TLS.
func (c Config) publicIsHTTPS() bool {
	return strings.HasPrefix(strings.ToLower(c.PublicURL), "https://")
}
