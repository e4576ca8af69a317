package main

import (
	"cmp"
	"fmt"
	"strings"

	"granary/internal/app"
)

type workerCmd struct {
	Queues  string `help:"Queues whose jobs run here, comma-separated. Defaults to all." placeholder:"LIST"`
	Slots   string `help:"Jobs of one queue that run here at once." placeholder:"N"`
	Devices string `help:"Indices of the GPUs that jobs may use, comma-separated." placeholder:"LIST"`
	Listen  string `help:"Address for /healthz, /readyz, /version and /metrics. Defaults to none." placeholder:"HOST:PORT"`
}

func (cmd *workerCmd) Run(c *cli) error {
	cfg, origins, err := c.load(map[string]string{
		"jobs.queues": cmd.Queues, "jobs.slots": cmd.Slots, "jobs.devices": cmd.Devices, "jobs.listen": cmd.Listen,
	})
	if err != nil {
		return err
	}
	log := c.logger(cfg)
	for _, warning := range origins.Warnings {
		log.Warn("configuration", "warning", warning)
	}
	return app.Work(c.ctx, cfg, log, version, func(w app.Working) {
		fmt.Fprintf(c.stdout, "granary worker is ready\n  queues    %s\n  devices   %s\n",
			cmp.Or(strings.Join(w.Queues, ", "), "all"), cmp.Or(strings.Join(w.Devices, ", "), "none"))
		if w.URL != "" {
			fmt.Fprintf(c.stdout, "  health    %s/readyz\n", w.URL)
		}
	})
}
