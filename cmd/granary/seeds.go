package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strings"

	"granary/internal/app"
)

type seedsCmd struct {
	Import seedsImportCmd `cmd:"" help:"Add seeds from a text file (one name a line) or fact sheets from a JSON file."`
	List   seedsListCmd   `cmd:"" help:"List seeds."`
}

type seedsImportCmd struct {
	File string `arg:"" type:"existingfile" help:"Text file of names, or JSON object from name to fact sheet."`
}

func (cmd *seedsImportCmd) Run(c *cli) error {
	data, err := os.ReadFile(cmd.File)
	if err != nil {
		return err
	}
	return c.core(func(core *app.Core) error {
		if bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
			sheets, err := core.Vision.ImportSeedFacts(c.ctx, data)
			if err == nil {
				fmt.Fprintf(c.stdout, "%d fact sheets\n", sheets)
			}
			return err
		}
		var names []string
		lines := bufio.NewScanner(bytes.NewReader(data))
		for lines.Scan() {
			if name := strings.TrimSpace(lines.Text()); name != "" && !strings.HasPrefix(name, "#") {
				names = append(names, name)
			}
		}
		if err := lines.Err(); err != nil {
			return err
		}
		added, err := core.Vision.ImportSeeds(c.ctx, names)
		if err == nil {
			fmt.Fprintf(c.stdout, "%d of %d seeds are new\n", added, len(names))
		}
		return err
	})
}

type seedsListCmd struct{}

func (seedsListCmd) Run(c *cli) error {
	return c.core(func(core *app.Core) error {
		seeds, err := core.Vision.Seeds(c.ctx)
		for _, s := range seeds {
			fmt.Fprintf(c.stdout, "%s  %s\n", s.ID, s.Name)
		}
		return err
	})
}
