package main

import (
	"fmt"
	"text/tabwriter"

	"granary/internal/app"
)

type modelCmd struct {
	List     modelListCmd     `cmd:"" help:"List the versions of the built-in classifier."`
	Retrain  modelRetrainCmd  `cmd:"" help:"Queue a training on every verified box; a running server does it."`
	Activate modelActivateCmd `cmd:"" help:"Put a version to use."`
	Rollback modelRollbackCmd `cmd:"" help:"Return to the version that was active before."`
}

type modelListCmd struct{}

func (modelListCmd) Run(c *cli) error {
	return c.core(func(core *app.Core) error {
		versions, err := core.Vision.ModelVersions(c.operator())
		if err != nil {
			return err
		}
		table := tabwriter.NewWriter(c.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "VERSION\tSTATE\tEXAMPLES\tACCURACY\tTRAINED\tNOTE")
		for _, v := range versions {
			fmt.Fprintf(table, "%d\t%s\t%d\t%.1f %%\t%s\t%s\n", v.Number, v.State, v.Examples, 100*v.Accuracy,
				v.CreatedAt.Format("2006-01-02 15:04"), v.Note)
		}
		return table.Flush()
	})
}

type modelRetrainCmd struct{}

func (modelRetrainCmd) Run(c *cli) error {
	return c.core(func(core *app.Core) error {
		id, err := core.Vision.Retrain(c.operator())
		if err == nil {
			fmt.Fprintln(c.stdout, "queued as job", id)
		}
		return err
	})
}

type modelActivateCmd struct {
	Version int64 `arg:"" help:"Version number."`
}

func (cmd *modelActivateCmd) Run(c *cli) error {
	return c.core(func(core *app.Core) error {
		return core.Vision.ActivateModel(c.operator(), cmd.Version)
	})
}

type modelRollbackCmd struct{}

func (modelRollbackCmd) Run(c *cli) error {
	return c.core(func(core *app.Core) error {
		number, err := core.Vision.RollbackModel(c.operator())
		if err == nil {
			fmt.Fprintf(c.stdout, "version %d is active\n", number)
		}
		return err
	})
}
