package main

import (
	"errors"
	"os"

	"granary/internal/bench"
)

type benchCmd struct {
	Vision benchVisionCmd `cmd:"" help:"Measure the vision service against its promised figures."`
	Jobs   benchJobsCmd   `cmd:"" help:"Measure the job queue, the worker protocol, a large data set and the demos service against their promised figures."`
}

type benchVisionCmd struct {
	Quick bool     `help:"Fewer rounds: about a minute."`
	Parts []string `help:"What to measure: ${enum}. Defaults to all." enum:"footprint,classification,listing,models,uploads" placeholder:"PART,…"`
	JSON  string   `name:"json" help:"Also write the report to a file." placeholder:"FILE"`
}

func (cmd *benchVisionCmd) Run(c *cli) error {
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
	return writeReport(c, report, cmd.JSON)
}

type benchJobsCmd struct {
	Quick    bool     `help:"Fewer rounds and jobs."`
	Parts    []string `help:"What to measure: ${enum}. Defaults to all." enum:"queue,worker,dataset,demos" placeholder:"PART,…"`
	Postgres string   `help:"Measure the queue on this PostgreSQL, too, in a schema of its own." placeholder:"URL"`
	JSON     string   `name:"json" help:"Also write the report to a file." placeholder:"FILE"`
}

func (cmd *benchJobsCmd) Run(c *cli) error {
	binary, err := os.Executable()
	if err != nil {
		return err
	}
	report, err := bench.Jobs(c.ctx, bench.JobsConfig{
		Binary: binary, Version: version, Quick: cmd.Quick, Parts: cmd.Parts, Postgres: cmd.Postgres, Progress: c.stderr,
	})
	if err != nil {
		return err
	}
	return writeReport(c, report, cmd.JSON)
}

// writeReport prints the report and writes it to the file, if one is named.
func writeReport(c *cli, report *bench.Report, path string) error {
	if path != "" {
		file, err := os.Create(path)
		if err != nil {
			return err
		}
		if err := errors.Join(report.JSON(file), file.Close()); err != nil {
			return err
		}
	}
	return report.Table(c.stdout)
}
