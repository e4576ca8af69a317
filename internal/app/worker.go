package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"granary/internal/platform/config"
	"granary/internal/platform/fault"
	"granary/internal/platform/telemetry"
	"granary/internal/platform/web"
)

// Working says what a worker does.
type Working struct {
	// Queues are those whose jobs it runs; empty for all.
	Queues []string
	// Devices are the GPUs that its jobs may use.
	Devices []string
	// URL is where it tells how it is, without a slash at its end; empty for
	// a worker that does not listen.
	URL string
}

// Work runs jobs beside servers on other machines, until ctx ends, then
// drains. It takes no request but for its own health, and delivers no
// callback: a server does, which front ends know and can be reached from, so
// that only its address has a way to them and no worker must wait for a slow
// front end before it stops. ready is called once jobs are taken.
//
// Errors: Invalid for a configuration that a worker cannot share with a server.
func Work(ctx context.Context, cfg *config.Config, log *slog.Logger, version string, ready func(Working)) (err error) {
	if cfg.Jobs.Slots == 0 {
		return fault.New(fault.Invalid, "jobs.slots: a worker needs at least 1")
	}
	core, err := Open(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, core.Close()) }()
	if core.DB.Pool() == nil {
		return fault.New(fault.Invalid, "database.url: workers need PostgreSQL, which they share with the servers; with SQLite the server runs its jobs itself")
	}
	if err := core.Blobs.Reach(ctx); err != nil {
		return fmt.Errorf("blob.url: %w", err)
	}
	return core.work(ctx, version, ready)
}

// work runs the job engine over an opened core.
func (c *Core) work(ctx context.Context, version string, ready func(Working)) error {
	working := Working{Queues: c.Config.Jobs.Queues, Devices: c.Config.Jobs.Devices}
	health, err := newHealth(c)
	if err != nil {
		return err
	}
	var failed <-chan error
	if c.Config.Jobs.Listen != "" {
		server, err := newWorkerServer(ctx, c, version, health)
		if err != nil {
			return err
		}
		if err := server.Start(ctx); err != nil {
			return err
		}
		defer server.Stop()
		failed, working.URL = server.Failed(), "http://"+server.Addrs()[0].String()
	}
	if err := c.Journal.Start(ctx, c.Jobs); err != nil {
		return err
	}
	defer c.Journal.Stop()
	if err := c.Jobs.Start(ctx); err != nil {
		return err
	}
	defer c.Jobs.Stop()
	ready(working)
	select {
	case <-ctx.Done():
		health.Drain()
		c.Log.Info("stopping", "drain_timeout", c.Config.Jobs.DrainTimeout.String())
		return nil
	case err := <-failed:
		return err
	}
}

// newWorkerServer answers how a worker is, and nothing else.
func newWorkerServer(ctx context.Context, core *Core, version string, health *telemetry.Health) (*web.Server, error) {
	build := telemetry.ReadBuild(version)
	metrics := telemetry.NewMetrics(build, core.Log)
	if err := core.addGauges(metrics); err != nil {
		return nil, err
	}
	address, err := core.bind(ctx, core.Config.Jobs.Listen)
	if err != nil {
		return nil, err
	}
	return web.New(web.Config{
		Listeners: []web.Listener{{Address: address}}, Title: "Granary worker", Version: version,
	}, web.Hooks{Logger: core.Log, Tag: telemetry.Tag}, web.Entry{Door: platformDoor(build, metrics, health)})
}
