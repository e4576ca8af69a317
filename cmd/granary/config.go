package main

import (
	"fmt"
)

type configCmd struct {
	Show  configShowCmd  `cmd:"" help:"Print the effective configuration with the origin of each value; secrets are masked."`
	Check configCheckCmd `cmd:"" help:"Report every problem of the configuration."`
}

type configShowCmd struct{}

func (configShowCmd) Run(c *cli) error {
	cfg, origins, err := c.load(nil)
	if err != nil {
		return err
	}
	return cfg.Show(c.stdout, origins)
}

type configCheckCmd struct{}

func (configCheckCmd) Run(c *cli) error {
	_, origins, err := c.load(nil)
	for _, warning := range origins.Warnings {
		fmt.Fprintln(c.stdout, "warning:", warning)
	}
	if err != nil {
		return err
	}
	fmt.Fprintln(c.stdout, "the configuration is sound")
	return nil
}
