package app

import (
	"context"
	"fmt"
	"net/netip"

	"granary/internal/console"
	demosapi "granary/internal/demos/api"
	"granary/internal/platform/config"
	"granary/internal/platform/identity"
	"granary/internal/platform/identity/identityapi"
	"granary/internal/platform/jobs"
	"granary/internal/platform/jobs/jobsapi"
	"granary/internal/platform/raster"
	"granary/internal/platform/telemetry"
	"granary/internal/platform/web"
	visionapi "granary/internal/vision/api"
	"granary/internal/vision/nachet"
	"granary/internal/vision/pages"
)

// newServer puts the doors together and their listeners before them.
func newServer(ctx context.Context, core *Core, version string) (*web.Server, *telemetry.Health, error) {
	build := telemetry.ReadBuild(version)
	metrics := telemetry.NewMetrics(build, core.Log)
	health, err := newHealth(core)
	if err != nil {
		return nil, nil, err
	}
	if err := core.addGauges(metrics); err != nil {
		return nil, nil, err
	}
	entries, err := core.entries(build, metrics, health)
	if err != nil {
		return nil, nil, err
	}
	webConfig, err := core.webConfig(ctx, version)
	if err != nil {
		return nil, nil, err
	}
	server, err := web.New(webConfig, web.Hooks{
		Logger: core.Log, Tag: telemetry.Tag, Refused: core.auditRefusal,
		Observe: func(o web.Observation) {
			metrics.Observe(telemetry.Request{
				Door: o.Door, Route: o.Route, Method: o.Method, Status: o.Status,
				Received: o.Received, Sent: o.Sent, Duration: o.Duration,
			})
		},
	}, entries...)
	if err != nil {
		return nil, nil, err
	}
	return server, health, metrics.InFlight(server.InFlight)
}

// entries are the doors with who may knock and how.
func (c *Core) entries(build telemetry.Build, metrics *telemetry.Metrics, health *telemetry.Health) ([]web.Entry, error) {
	chain := identity.Chain{c.Users.SessionAuthenticator(), c.Users.BearerAuthenticator(), c.Users.VouchAuthenticator()}
	cfg := c.Config
	native := platformDoor(build, metrics, health)
	identityapi.Register(native, c.Users)
	jobsapi.Register(native, jobs.NewDesk(c.Jobs), c.Journal)
	visionapi.Add(native, c.Vision)
	if c.Demos != nil {
		demosapi.Add(native, c.Demos)
	}
	pageConfig := console.Config{
		Accounts: c.Users, Trail: c.Users.Audit(), Jobs: c.Jobs, Journal: c.Journal,
		Version: build.Version, Logger: c.Log,
		Sections: []console.Section{pages.New(pages.Config{Service: c.Vision, Gate: c.Vision.Gate()})},
	}
	if c.Demos != nil {
		pageConfig.Callbacks = c.Outbox
		pageConfig.Sections = append(pageConfig.Sections, c.demoPages())
	}
	consoleDoor, err := console.New(pageConfig)
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	seedDoor := nachet.New(c.Vision, c.Users, health.Ready, c.nachetConfig(build))
	entries := []web.Entry{
		{Door: native, Authenticate: chain.Authenticate, CORSOrigins: cfg.Web.CORSOrigins},
		{Door: consoleDoor, Authenticate: chain.Authenticate},
		{
			Door: seedDoor, Authenticate: chain.Authenticate, Prefixes: cfg.Vision.Nachet.Prefixes,
			CORSOrigins: cfg.Vision.Nachet.CORSOrigins, MaxBody: int64(cfg.Vision.Nachet.MaxBodyBytes),
		},
	}
	if c.Demos != nil {
		entries = append(entries, c.discoverDoor())
	}
	return entries, nil
}

// platformDoor says how the process is.
func platformDoor(build telemetry.Build, metrics *telemetry.Metrics, health *telemetry.Health) *web.Native {
	return web.PlatformDoor(web.PlatformHandlers{
		Health: health.LiveHandler(), Ready: health.ReadyHandler(), Version: build.Handler(), Metrics: metrics.Handler(),
	})
}

func (c *Core) nachetConfig(build telemetry.Build) nachet.Config {
	n := c.Config.Vision.Nachet
	return nachet.Config{
		Local: n.Environment == "local", FallbackEmail: n.FallbackEmail, ProvisionUsers: n.ProvisionUsers,
		RequireCookieUser: n.RequireCookieUser, ModernStatus: n.ModernStatus, HealthMessage: n.HealthMessage,
		TestPipeline: n.TestPipeline, RequireValidator: n.RequireValidator, SeedDataURL: n.SeedDataURL,
		Version: build.Version, MaxBody: int64(n.MaxBodyBytes), BodyBudget: int64(n.BodyBudgetBytes),
		Validation: raster.Rules{
			Gate: c.Vision.Gate(), MaxWidth: n.ValidWidth, MaxHeight: n.ValidHeight, Extensions: n.ValidExtensions,
		},
	}
}

func (c *Core) webConfig(ctx context.Context, version string) (web.Config, error) {
	cfg := c.Config.Web
	out := web.Config{
		HeaderTimeout: cfg.HeaderTimeout, BodyIdleTimeout: cfg.BodyIdleTimeout, IdleTimeout: cfg.IdleTimeout,
		DrainTimeout: cfg.DrainTimeout, MaxHeaderBytes: int(cfg.MaxHeaderBytes), MaxBody: int64(cfg.MaxBodyBytes),
		MaxConcurrent: cfg.MaxConcurrentRequests, RatePerSecond: cfg.RatePerSecond, RateBurst: cfg.RateBurst,
		Title: "Granary", Version: version,
	}
	for _, text := range cfg.TrustedProxies {
		prefix, err := parsePrefix(text)
		if err != nil {
			return out, fmt.Errorf("web.trusted_proxies: %w", err)
		}
		out.TrustedProxies = append(out.TrustedProxies, prefix)
	}
	listeners := append([]config.Listener{{Address: c.Config.Listen, TLS: cfg.TLS}}, c.Config.Listeners...)
	for _, l := range listeners {
		address, err := c.bind(ctx, l.Address)
		if err != nil {
			return out, err
		}
		listener := web.Listener{Address: address, TLS: web.TLS{
			CertFile: l.TLS.CertFile, KeyFile: l.TLS.KeyFile, ClientCAFile: l.TLS.ClientCAFile,
		}}
		for _, door := range l.Doors {
			mount := web.Mount{Door: door}
			if l.Prefix != "" {
				mount.Prefixes = []string{l.Prefix}
			}
			listener.Mounts = append(listener.Mounts, mount)
		}
		out.Listeners = append(out.Listeners, listener)
	}
	return out, nil
}

func parsePrefix(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil {
		return addr.Prefix(addr.BitLen())
	}
	return netip.ParsePrefix(text)
}

// auditRefusal records that a known caller was not allowed to call a route.
func (c *Core) auditRefusal(ctx context.Context, route string) {
	if err := c.Users.Refused(ctx, route); err != nil {
		c.Log.ErrorContext(ctx, "a refusal is missing from the audit trail", "error", err)
	}
}
