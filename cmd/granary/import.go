package main

import (
	"errors"

	"granary/internal/app"
	"granary/internal/vision/nachetimport"
)

type importCmd struct {
	Nachet importNachetCmd `cmd:"" help:"Take over users, pictures and results of the original seed backend."`
}

type importNachetCmd struct {
	DatabaseURL      string `help:"PostgreSQL address of the original. Defaults to vision.legacy.database_url." placeholder:"URL"`
	Schema           string `help:"Schema of its tables. Defaults to vision.legacy.schema." placeholder:"NAME"`
	ConnectionString string `help:"Its Azure storage connection string. Defaults to vision.legacy.connection_string." placeholder:"TEXT"`
	DryRun           bool   `help:"Only report what would come."`
}

func (cmd *importNachetCmd) Run(c *cli) error {
	return c.core(func(core *app.Core) error {
		legacy := core.Config.Vision.Legacy
		pick := func(flag, configured string) string {
			if flag != "" {
				return flag
			}
			return configured
		}
		source := nachetimport.Source{
			DatabaseURL:      pick(cmd.DatabaseURL, legacy.DatabaseURL),
			Schema:           pick(cmd.Schema, legacy.Schema),
			ConnectionString: pick(cmd.ConnectionString, legacy.ConnectionString),
			PipelineKey:      core.Config.Vision.Pipelines.DecryptionKey,
		}
		target := nachetimport.Target{Vision: core.Vision, Users: core.Users}
		report, err := nachetimport.Run(c.ctx, source, target, nachetimport.Options{DryRun: cmd.DryRun, Log: c.stderr})
		return errors.Join(report.Write(c.stdout), err)
	})
}
