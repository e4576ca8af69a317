package main

import (
	"fmt"

	"granary/internal/app"
)

type serveCmd struct {
	Services string `help:"Services to run, comma-separated." placeholder:"LIST"`
	Listen   string `help:"Address of the main listener." placeholder:"HOST:PORT"`
	Slots    string `help:"Jobs of one queue that run here at once; 0 leaves all to workers." placeholder:"N"`
}

func (cmd *serveCmd) Run(c *cli) error {
	cfg, origins, err := c.load(map[string]string{"services": cmd.Services, "listen": cmd.Listen, "jobs.slots": cmd.Slots})
	if err != nil {
		return err
	}
	log := c.logger(cfg)
	for _, warning := range origins.Warnings {
		log.Warn("configuration", "warning", warning)
	}
	return app.Serve(c.ctx, cfg, log, version, func(s app.Started) {
		fmt.Fprintf(c.stdout, "granary is ready\n  console   %s/\n  API docs  %s/docs\n", s.URL, s.URL)
		if s.SetupURL != "" {
			fmt.Fprintf(c.stdout, "  first run %s\n", s.SetupURL)
		}
	})
}

type versionCmd struct{}

func (versionCmd) Run(c *cli) error {
	_, err := fmt.Fprintln(c.stdout, "granary", version)
	return err
}
