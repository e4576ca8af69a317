package main

import (
	"errors"
	"os"

	"granary/internal/app"
	"granary/internal/vision"
)

type exportCmd struct {
	Format string `arg:"" enum:"coco,yolo,csv" help:"coco, yolo or csv."`
	Output string `short:"o" help:"File to write. Defaults to standard output." placeholder:"FILE"`
}

func (cmd *exportCmd) Run(c *cli) (err error) {
	return c.core(func(core *app.Core) (err error) {
		out := c.stdout
		if cmd.Output != "" {
			file, err := os.Create(cmd.Output)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, file.Close()) }()
			out = file
		}
		return core.Vision.Export(c.operator(), vision.ExportFormat(cmd.Format), out)
	})
}
