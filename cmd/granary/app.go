package main

import (
	"os"

	"granary/internal/app"
)

type appCmd struct {
	Name string `arg:"" help:"Built-in app."`
}

// Run serves the worker protocol on standard input and output.
func (cmd *appCmd) Run(c *cli) error {
	return app.RunApp(c.ctx, cmd.Name, os.Stdin, c.stdout)
}
