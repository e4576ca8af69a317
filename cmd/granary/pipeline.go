package main

import (
	"errors"
	"fmt"
	"image/color"
	"os"
	"strings"
	"text/tabwriter"

	"granary/internal/app"
	"granary/internal/vision"
)

type pipelineCmd struct {
	Import  pipelineImportCmd  `cmd:"" help:"Store the pipelines of a JSON or YAML file; secrets are sealed."`
	List    pipelineListCmd    `cmd:"" help:"List pipelines."`
	Test    pipelineTestCmd    `cmd:"" help:"Run a pipeline over a picture and print what it finds."`
	Default pipelineDefaultCmd `cmd:"" help:"Make a pipeline the preselected one."`
	Remove  pipelineRemoveCmd  `cmd:"" help:"Take a pipeline out of use; its results stay."`
}

type pipelineImportCmd struct {
	File string `arg:"" type:"existingfile" help:"Pipeline file, own or legacy form, plain or with Fernet tokens."`
	Key  string `help:"Fernet key. Defaults to vision.pipelines.decryption_key." env:"NACHET_BLOB_PIPELINE_DECRYPTION_KEY"`
}

func (cmd *pipelineImportCmd) Run(c *cli) error {
	return c.core(func(core *app.Core) error {
		key := cmd.Key
		if key == "" {
			key = core.Config.Vision.Pipelines.DecryptionKey
		}
		ctx := c.operator()
		names, err := core.Vision.ImportPipelineFile(ctx, cmd.File, vision.ImportOptions{Key: key})
		for _, name := range names {
			fmt.Fprintln(c.stdout, "stored", name)
		}
		return err
	})
}

type pipelineListCmd struct{}

func (pipelineListCmd) Run(c *cli) error {
	return c.core(func(core *app.Core) error {
		pipelines, err := core.Vision.Pipelines(c.ctx)
		if err != nil {
			return err
		}
		table := tabwriter.NewWriter(c.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "NAME\tDEFAULT\tMODELS\tUPDATED")
		for _, p := range pipelines {
			mark := ""
			if p.Default {
				mark = "yes"
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", p.Name, mark, strings.Join(p.ModelNames(), ", "), p.UpdatedAt.Format("2006-01-02 15:04"))
		}
		return table.Flush()
	})
}

type pipelineTestCmd struct {
	Name    string `arg:"" help:"Pipeline."`
	Picture string `arg:"" type:"existingfile" help:"Picture file."`
	Output  string `short:"o" help:"Annotated PNG to write." placeholder:"FILE" default:"annotated.png"`
}

func (cmd *pipelineTestCmd) Run(c *cli) error {
	return c.core(func(core *app.Core) error {
		data, err := os.ReadFile(cmd.Picture)
		if err != nil {
			return err
		}
		result, err := core.Vision.TryPipeline(c.operator(), cmd.Name, data)
		if err != nil {
			return err
		}
		table := tabwriter.NewWriter(c.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "#\tLABEL\tSCORE\tBOX")
		annotations := make([]vision.Annotation, len(result.Boxes))
		for i, b := range result.Boxes {
			p := b.Pixels
			fmt.Fprintf(table, "%d\t%s\t%.2f\t%d,%d – %d,%d\n", i+1, b.Label, b.Score, p.TopX, p.TopY, p.BottomX, p.BottomY)
			annotations[i] = vision.Annotation{
				Rect:  vision.Rect{TopX: float64(p.TopX), TopY: float64(p.TopY), BottomX: float64(p.BottomX), BottomY: float64(p.BottomY)},
				Label: fmt.Sprintf("%s %.2f", b.Label, b.Score), Color: rgba(b.Color.RGB),
			}
		}
		if err := table.Flush(); err != nil {
			return err
		}
		fmt.Fprintf(c.stdout, "%d objects\n", len(result.Boxes))
		return cmd.annotate(c, core, data, annotations)
	})
}

func (cmd *pipelineTestCmd) annotate(c *cli, core *app.Core, data []byte, annotations []vision.Annotation) (err error) {
	gate := core.Vision.Gate()
	picture, err := gate.Open(data)
	if err != nil {
		return err
	}
	pixels, err := picture.Image()
	if err != nil {
		return err
	}
	file, err := os.Create(cmd.Output)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := vision.Annotate(file, pixels, annotations); err != nil {
		return err
	}
	fmt.Fprintln(c.stdout, "annotated picture:", cmd.Output)
	return nil
}

func rgba(rgb [3]int) color.RGBA {
	return color.RGBA{R: uint8(rgb[0]), G: uint8(rgb[1]), B: uint8(rgb[2]), A: 255}
}

type pipelineDefaultCmd struct {
	Name string `arg:"" help:"Pipeline."`
}

func (cmd *pipelineDefaultCmd) Run(c *cli) error {
	return c.core(func(core *app.Core) error {
		return core.Vision.SetDefaultPipeline(c.operator(), cmd.Name)
	})
}

type pipelineRemoveCmd struct {
	Name string `arg:"" help:"Pipeline."`
}

func (cmd *pipelineRemoveCmd) Run(c *cli) error {
	return c.core(func(core *app.Core) error {
		return core.Vision.RemovePipeline(c.operator(), cmd.Name)
	})
}
