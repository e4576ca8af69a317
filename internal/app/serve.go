package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"

	"granary/internal/platform/blob/bucket"
	"granary/internal/platform/config"
	"granary/internal/platform/identity"
	"granary/internal/platform/telemetry"
	"granary/internal/platform/web"
	"granary/internal/vision"
)

// Started says how to reach a server that is ready.
type Started struct {
	// URL is the address of the main listener, without a slash at its end.
	URL string
	// SetupURL is the one-time link to create the administrator; empty when
	// somebody can sign in already.
	SetupURL string
}

// Serve runs the services until ctx ends or a listener fails, then drains.
// ready is called once everything answers.
func Serve(ctx context.Context, cfg *config.Config, log *slog.Logger, version string, ready func(Started)) (err error) {
	limitMemory(int64(cfg.Vision.Nachet.BodyBudgetBytes))
	core, err := Open(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, core.Close()) }()
	return core.serve(ctx, version, ready)
}

// serve runs the listeners and background loops over an opened core.
func (c *Core) serve(ctx context.Context, version string, ready func(Started)) error {
	server, health, err := newServer(ctx, c, version)
	if err != nil {
		return err
	}
	if err := c.Blobs.Start(ctx); err != nil {
		return err
	}
	defer c.Blobs.Stop()
	if err := c.loadPipelineFiles(ctx); err != nil {
		return err
	}
	if err := c.Journal.Start(ctx, c.Jobs); err != nil {
		return err
	}
	defer c.Journal.Stop()
	if c.Config.Jobs.Slots > 0 {
		if err := c.Jobs.Start(ctx); err != nil {
			return err
		}
		defer c.Jobs.Stop()
	}
	if err := server.Start(ctx); err != nil {
		return err
	}
	// Requests drain before the workers stop and the stores close; those that
	// only watch a job would never end by themselves.
	defer server.Stop()
	defer c.Journal.Release()
	// A front end fetches results while it takes a callback, so that none may
	// leave before the listeners answer or after they stopped.
	if err := c.startDemos(ctx); err != nil {
		return err
	}
	defer c.stopDemos()
	started, err := c.started(ctx, server)
	if err != nil {
		return err
	}
	reload := make(chan os.Signal, 1)
	signal.Notify(reload, syscall.SIGHUP)
	defer signal.Stop(reload)
	ready(started)
	for {
		select {
		case <-reload:
			c.reload(ctx)
		case <-ctx.Done():
			health.Drain()
			c.Log.Info("stopping")
			return nil
		case err := <-server.Failed():
			return err
		}
	}
}

// reload reads the pipeline files again. With a file that cannot be read the
// server goes on with the pipelines that it has.
func (c *Core) reload(ctx context.Context) {
	if err := c.loadPipelineFiles(ctx); err != nil {
		c.Log.ErrorContext(ctx, "the pipeline files were not all read again", "error", err)
		return
	}
	c.Log.InfoContext(ctx, "the pipeline files were read again", "files", len(c.Config.Vision.Pipelines.Files))
}

// loadPipelineFiles stores the pipelines of the configured files. A file that
// cannot be read stops the start: a lab must not classify with yesterday's.
func (c *Core) loadPipelineFiles(ctx context.Context) error {
	ctx = identity.With(ctx, identity.System())
	for _, path := range c.Config.Vision.Pipelines.Files {
		opts := vision.ImportOptions{Key: c.Config.Vision.Pipelines.DecryptionKey}
		if _, err := c.Vision.ImportPipelineFile(ctx, path, opts); err != nil {
			return err
		}
	}
	return nil
}

func (c *Core) started(ctx context.Context, server *web.Server) (Started, error) {
	address := server.Addrs()[0].String()
	if host, port, err := net.SplitHostPort(address); err == nil {
		if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
			address = net.JoinHostPort("localhost", port)
		}
	}
	scheme := "http"
	if c.Config.Web.TLS.Enabled() {
		scheme = "https"
	}
	started := Started{URL: scheme + "://" + address}
	token, needed, err := c.Users.SetupLink(ctx)
	if err != nil {
		return started, err
	}
	if needed {
		base := started.URL
		if c.Config.Web.PublicURL != "" {
			base = c.Config.Web.PublicURL
		}
		started.SetupURL = base + "/console/setup?token=" + token
	}
	return started, nil
}

// bind applies the rule that a server which can identify nobody listens on
// loopback only.
func (c *Core) bind(ctx context.Context, address string) (string, error) {
	accounts, err := c.Users.HasAccounts(ctx)
	if err != nil {
		return "", err
	}
	bound, refused := c.Config.Bind(address, accounts)
	if bound == "" {
		return "", refused
	}
	if refused != nil {
		c.Log.WarnContext(ctx, "listening on loopback only", "reason", refused.Error(), "address", bound)
	}
	return bound, nil
}

// newHealth names every dependency that readiness depends on.
func newHealth(core *Core) (*telemetry.Health, error) {
	health := telemetry.NewHealth(core.Log)
	checks := map[string]func(context.Context) error{
		"database": core.DB.Ping,
		"blobs": func(ctx context.Context) error {
			_, err := core.Blobs.Bucket().Stat(ctx, "health/probe")
			if errors.Is(err, bucket.ErrNotFound) {
				return nil // it answered
			}
			return err
		},
		"jobs": func(ctx context.Context) error {
			_, err := core.Jobs.Stats(ctx)
			return err
		},
	}
	for name, check := range checks {
		if err := health.Add(name, check); err != nil {
			return nil, fmt.Errorf("health check %s: %w", name, err)
		}
	}
	return health, nil
}
