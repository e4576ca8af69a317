package main

import (
	"fmt"

	"granary/internal/app"
)

type migrateCmd struct {
	Up     migrateUpCmd     `cmd:"" help:"Apply pending migrations."`
	Status migrateStatusCmd `cmd:"" help:"Show applied and pending migrations."`
}

type migrateUpCmd struct{}

func (migrateUpCmd) Run(c *cli) error {
	cfg, _, err := c.load(nil)
	if err != nil {
		return err
	}
	return app.Migrate(c.ctx, cfg)
}

type migrateStatusCmd struct{}

func (migrateStatusCmd) Run(c *cli) error {
	cfg, _, err := c.load(nil)
	if err != nil {
		return err
	}
	states, err := app.MigrationStatus(c.ctx, cfg)
	for _, s := range states {
		fmt.Fprintf(c.stdout, "%-12s applied %v  pending %v\n", s.Owner, s.Applied, s.Pending)
	}
	return err
}

type backupCmd struct {
	Folder string `arg:"" help:"Folder to create; it must not exist or be empty."`
}

func (cmd *backupCmd) Run(c *cli) error {
	return c.core(func(core *app.Core) error {
		manifest, err := core.Backup(c.ctx, cmd.Folder, version)
		if err == nil {
			fmt.Fprintf(c.stdout, "%d tables and %d files (%d bytes) in %s\n",
				len(manifest.Tables), manifest.Objects, manifest.ObjectBytes, cmd.Folder)
		}
		return err
	})
}

type restoreCmd struct {
	Folder string `arg:"" type:"existingdir" help:"Backup to restore."`
}

func (cmd *restoreCmd) Run(c *cli) error {
	cfg, _, err := c.load(nil)
	if err != nil {
		return err
	}
	manifest, err := app.Restore(c.ctx, cfg, cmd.Folder)
	if err == nil {
		fmt.Fprintf(c.stdout, "restored %d tables and %d files of %s\n",
			len(manifest.Tables), manifest.Objects, manifest.CreatedAt.Format("2006-01-02 15:04:05 MST"))
		if cfg.Secrets.Key == "" {
			fmt.Fprintf(c.stdout, "put the key file of the old installation at %s: sealed values need it\n", cfg.Secrets.KeyFile)
		}
	}
	return err
}

type checkCmd struct{}

func (checkCmd) Run(c *cli) error {
	return c.core(func(core *app.Core) error {
		report, err := core.Check(c.ctx)
		if err != nil {
			return err
		}
		for _, p := range report.Problems {
			fmt.Fprintf(c.stdout, "%s: %s: %s\n", p.Part, p.Subject, p.What)
		}
		if !report.OK() {
			return fmt.Errorf("%d problems found", report.Found)
		}
		fmt.Fprintf(c.stdout, "all is sound: %d blobs, %d bytes\n", report.Blobs.Objects, report.Blobs.Bytes)
		return nil
	})
}
