package main

import (
	"fmt"

	"granary/internal/app"
	"granary/internal/demos/builtin/watermarks"
)

type marksCmd struct {
	Build marksBuildCmd `cmd:"" help:"Make a collection that watermarks are looked up in."`
}

type marksBuildCmd struct {
	UID         string `arg:"" name:"uid" help:"What front ends call the collection, such as briquet."`
	Folder      string `arg:"" type:"existingdir" help:"Folder of folders of pictures: FOLDER/SOURCE/NAME.jpg or .png."`
	Name        string `help:"Name to show. Defaults to the uid."`
	Description string `help:"What it holds, to show."`
}

func (cmd *marksBuildCmd) Run(c *cli) error {
	cfg, _, err := c.load(nil)
	if err != nil {
		return err
	}
	m := watermarks.Metadata{Name: cmd.Name, Description: cmd.Description}
	if m.Name == "" {
		m.Name = cmd.UID
	}
	err = app.BuildCollection(c.ctx, cfg, cmd.UID, cmd.Folder, m, func(text string) { fmt.Fprintln(c.stderr, text) })
	if err == nil {
		fmt.Fprintf(c.stdout, "the collection %s is ready\n", cmd.UID)
	}
	return err
}
