package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"granary/internal/demo"
	"granary/internal/platform/config"
	"granary/internal/platform/fault"
	"granary/internal/platform/identity"
	"granary/internal/vision"
)

// ErrDemoDone ends a demo that was asked to run once.
var ErrDemoDone = errors.New("the demo is done")

// DemoOptions say how the demo runs.
type DemoOptions struct {
	// Keep uses the configured data folder and leaves it; without it everything
	// lives in a temporary folder that is removed at the end.
	Keep bool
	// Samples is a folder of further PNG pictures; it need not exist.
	Samples string
	// Once stops after the demo instead of serving on.
	Once bool
	// FixedAddress fails when the address is taken; without it a free port is
	// used instead.
	FixedAddress bool
	// Out receives the report.
	Out io.Writer
}

// demoEmail is the account that the demo works as.
const demoEmail = "demo@granary.example"

// Demo serves, shows the services' main jobs through the HTTP API and goes on
// serving until ctx ends.
func Demo(ctx context.Context, cfg *config.Config, log *slog.Logger, version string, opts DemoOptions) (err error) {
	if !opts.Keep {
		folder, err := os.MkdirTemp("", "granary-demo-")
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
		cfg.Data, cfg.Secrets.KeyFile = folder, filepath.Join(folder, "secret.key")
		cfg.Database.URL, cfg.Blob.URL = "sqlite:"+filepath.Join(folder, "granary.db"), "file:"+filepath.Join(folder, "blobs")
	}
	if !opts.FixedAddress && taken(ctx, cfg.Listen) {
		cfg.Listen = "127.0.0.1:0"
	}
	cfg.Vision.RetrainAfter = 0 // the demo asks for its training itself
	core, err := Open(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, core.Close()) }()
	show, err := core.demoConfig(ctx, opts)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := make(chan struct{})
	err = core.serve(ctx, version, func(s Started) {
		go func() {
			defer close(done)
			show.URL = s.URL
			if err := demo.Run(ctx, show); err != nil {
				cancel(fmt.Errorf("demo: %w", err))
				return
			}
			if opts.Once {
				cancel(ErrDemoDone)
				return
			}
			greet(opts.Out, s, core.Config.Data)
		}()
		<-done
	})
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return errors.Join(cause, err)
	}
	return err
}

func greet(out io.Writer, s Started, data string) {
	fmt.Fprintf(out, "\nGranary is up, its data is in %s\n  console   %s/\n  API docs  %s/docs\n", data, s.URL, s.URL)
	if s.SetupURL != "" {
		fmt.Fprintf(out, "  create the administrator: %s\n", s.SetupURL)
	}
	fmt.Fprintln(out, "  stop with Ctrl-C")
}

// demoConfig makes the demo's account and a token for it.
func (c *Core) demoConfig(ctx context.Context, opts DemoOptions) (demo.Config, error) {
	ctx = identity.With(ctx, identity.System())
	user, err := c.Users.UserByEmail(ctx, demoEmail)
	if fault.Is(err, fault.NotFound) {
		user, err = c.Vision.CreateAccount(ctx, identity.NewUser{Email: demoEmail, DisplayName: "Demo", Role: identity.Steward})
	}
	if err != nil {
		return demo.Config{}, err
	}
	token, err := c.Users.CreateToken(ctx, identity.NewToken{
		UserID: user.ID, Name: "demo", ExpiresAt: time.Now().Add(time.Hour),
	})
	if err != nil {
		return demo.Config{}, err
	}
	return demo.Config{
		Token: token.Secret, UserID: user.ID, Pipeline: vision.BuiltinPipeline, Apps: c.ownApps(),
		Samples: opts.Samples, Output: c.Config.Data, Log: opts.Out,
	}, nil
}

// ownApps are the installed apps that this binary brings.
func (c *Core) ownApps() []string {
	var names []string
	if c.Demos == nil {
		return nil
	}
	known := guests()
	for _, app := range c.Demos.Apps() {
		if _, ok := known[app.Name]; ok {
			names = append(names, app.Name)
		}
	}
	return names
}

// taken reports whether somebody listens on the address already.
func taken(ctx context.Context, address string) bool {
	socket, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return true
	}
	return socket.Close() != nil
}
