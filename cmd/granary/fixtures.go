package main

import "granary/internal/app"

type fixturesCmd struct {
	Load fixturesLoadCmd `cmd:"" help:"Store the rows of a YAML file under their fixed ids."`
}

type fixturesLoadCmd struct {
	File string `arg:"" type:"existingfile" help:"YAML file with users, seeds, picture_sets, pictures and pipelines."`
}

func (cmd *fixturesLoadCmd) Run(c *cli) error {
	return c.core(func(core *app.Core) error { return core.Vision.LoadFixtures(c.ctx, cmd.File) })
}
