package main

import (
	"errors"

	"granary/internal/app"
)

type demoCmd struct {
	Listen  string `help:"Address to listen on. Defaults to the configured one, or a free port when that is taken." placeholder:"HOST:PORT"`
	Samples string `default:"../shared/data/vision" help:"Folder of further PNG pictures to show; it need not exist."`
	Once    bool   `help:"Stop after the demo instead of serving on."`
}

func (cmd *demoCmd) Run(c *cli) error {
	cfg, origins, err := c.load(map[string]string{"listen": cmd.Listen})
	if err != nil {
		return err
	}
	if !origins.Set("telemetry.log_level") {
		cfg.Telemetry.LogLevel = "warn" // the report is what is to be read
	}
	err = app.Demo(c.ctx, cfg, c.logger(cfg), version, app.DemoOptions{
		Keep: c.Data != "", Samples: cmd.Samples, Once: cmd.Once, FixedAddress: cmd.Listen != "", Out: c.stdout,
	})
	if errors.Is(err, app.ErrDemoDone) {
		return nil
	}
	return err
}
