package main

import (
	"errors"
	"os"

	"granary/internal/bench"
)

type benchCmd struct {
	Vision benchVisionCmd `cmd:"" help:"Measure the vision service against its promised figures."`
}

type benchVisionCmd struct {
	Quick bool     `help:"Fewer rounds: about a minute."`
	Parts []string `help:"What to measure: ${enum}. Defaults to all." enum:"footprint,classification,listing,models,uploads" placeholder:"PART,…"`
	JSON  string   `name:"json" help:"Also write the report to a file." placeholder:"FILE"`
}

func (cmd *benchVisionCmd) Run(c *cli) (err error) {
	binary, err := os.Executable()
	if err != nil {
		return err
	}
	report, err := bench.Vision(c.ctx, bench.Config{
		Binary: binary, Version: version, Quick: cmd.Quick, Parts: cmd.Parts, Progress: c.stderr,
	})
	if err != nil {
		return err
	}
	if cmd.JSON != "" {
		file, err := os.Create(cmd.JSON)
		if err != nil {
			return err
		}
		if err := errors.Join(report.JSON(file), file.Close()); err != nil {
			return err
		}
	}
	return report.Table(c.stdout)
}
