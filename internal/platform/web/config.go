package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"granary/internal/platform/identity"
)

// Config is how the server listens and what it bears.
type Config struct {
	// Listeners says where to listen. At least one.
	Listeners []Listener
	// TrustedProxies are the peers whose X-Forwarded-* and X-Request-Id
	// headers are believed. Defaults to nobody.
	TrustedProxies []netip.Prefix
	// HeaderTimeout bounds reading a request's header. Defaults to 10 s.
	HeaderTimeout time.Duration
	// BodyIdleTimeout is the longest wait for the next byte of a request
	// body, and for a client to take a piece of an answer. Defaults to 30 s.
	BodyIdleTimeout time.Duration
	// IdleTimeout closes a kept-alive connection without a request.
	// Defaults to 2 min.
	IdleTimeout time.Duration
	// DrainTimeout is how long Stop waits for requests in flight before it
	// cancels them. Defaults to 20 s.
	DrainTimeout time.Duration
	// MaxHeaderBytes caps a request's header. Defaults to 64 KiB.
	MaxHeaderBytes int
	// MaxBody caps a request body in bytes where neither door nor route says
	// otherwise. Defaults to 64 MiB.
	MaxBody int64
	// MaxConcurrent is how many requests are worked on at once; further ones
	// are answered 503. Defaults to 256.
	MaxConcurrent int
	// RatePerSecond is how many requests one client (user, or address when
	// nobody is signed in) may make per second on average; more are answered
	// 429. Defaults to 500.
	RatePerSecond float64
	// RateBurst is how far a client may exceed the rate for a moment.
	// Defaults to 1000.
	RateBurst int
	// Title and Version head the OpenAPI documents. Title defaults to
	// "Granary", Version to "dev".
	Title, Version string
}

// Listener is one address with the doors that answer there.
type Listener struct {
	// Address is host:port; port 0 picks a free one.
	Address string
	TLS     TLS
	// Mounts chooses doors. Empty means every door at its own prefixes.
	Mounts []Mount
	// Fallback names the door that answers addresses which belong to no
	// door. Defaults to "console" when it is mounted, else the first door.
	Fallback string
}

// TLS is a listener's certificate. The zero value serves plain HTTP.
type TLS struct {
	// CertFile and KeyFile are PEM files, read at Start.
	CertFile, KeyFile string
	// ClientCAFile, when set, demands client certificates signed by one of
	// its PEM certificates.
	ClientCAFile string
}

// Mount places a door on a listener.
type Mount struct {
	Door string
	// Prefixes the door answers under; "" or "/" is the root. Empty means the
	// prefixes of its Entry.
	Prefixes []string
}

// Authenticator says who a request speaks for; false without an error when
// it shows no credentials. A refused credential is an error.
type Authenticator func(*http.Request) (identity.Principal, bool, error)

// Entry is a door with what its deployment decides.
type Entry struct {
	Door Door
	// Prefixes the door answers under. Defaults to the root.
	Prefixes []string
	// Authenticate is the door's chain of authenticators; nil makes every
	// caller anonymous.
	Authenticate Authenticator
	// CORSOrigins are the exact origins (scheme, host, port) of browser
	// clients on other addresses. Empty answers no CORS header.
	CORSOrigins []string
	// LoosePaths serves the door's routes under addresses with doubled or
	// further slashes too, as clients of theirs write them, where net/http
	// would redirect or find nothing.
	LoosePaths bool
	// MaxBody caps request bodies in bytes. Defaults to Config.MaxBody.
	MaxBody int64
}

// Hooks connect the server with telemetry and the world outside.
type Hooks struct {
	// Logger receives the access log and internal errors. Required.
	Logger *slog.Logger
	// Observe is told of each finished request. Optional.
	Observe func(Observation)
	// Tag adds an id (request_id, user_id) to a context for the log handler.
	// Optional.
	Tag func(ctx context.Context, key, value string) context.Context
	// Refused is told when a known caller, who is in ctx, may not call a route.
	// Optional.
	Refused func(ctx context.Context, route string)
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
	// NewID makes request ids. Defaults to random ones.
	NewID func() string
}

// Observation is one finished request, with bounded labels.
type Observation struct {
	Door   string // "" when no door was found
	Route  string // the pattern's path, "unmatched" when there is none
	Method string // a known method, else "OTHER"
	Status int
	// Sent and Received count body bytes.
	Sent, Received int64
	Duration       time.Duration
}

// withDefaults returns c with every unset field at its default.
func (c Config) withDefaults() Config {
	orDuration := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	orDuration(&c.HeaderTimeout, 10*time.Second)
	orDuration(&c.BodyIdleTimeout, 30*time.Second)
	orDuration(&c.IdleTimeout, 2*time.Minute)
	orDuration(&c.DrainTimeout, 20*time.Second)
	if c.MaxHeaderBytes <= 0 {
		c.MaxHeaderBytes = 64 << 10
	}
	if c.MaxBody <= 0 {
		c.MaxBody = DefaultMaxBody
	}
	if c.MaxConcurrent <= 0 {
		c.MaxConcurrent = 256
	}
	if c.RatePerSecond <= 0 {
		c.RatePerSecond = 500
	}
	if c.RateBurst <= 0 {
		c.RateBurst = 1000
	}
	if c.Title == "" {
		c.Title = "Granary"
	}
	if c.Version == "" {
		c.Version = "dev"
	}
	return c
}

// validate reports every problem of the configuration at once.
func (c Config) validate() error {
	var errs []error
	if len(c.Listeners) == 0 {
		errs = append(errs, errors.New("no listener"))
	}
	for _, l := range c.Listeners {
		if l.Address == "" {
			errs = append(errs, errors.New("a listener has no address"))
		}
		if (l.TLS.CertFile == "") != (l.TLS.KeyFile == "") {
			errs = append(errs, fmt.Errorf("listener %s: tls needs both cert_file and key_file", l.Address))
		}
		if l.TLS.ClientCAFile != "" && l.TLS.CertFile == "" {
			errs = append(errs, fmt.Errorf("listener %s: client_ca_file needs cert_file and key_file", l.Address))
		}
	}
	return errors.Join(errs...)
}
