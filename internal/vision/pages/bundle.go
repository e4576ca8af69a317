package pages

import (
	"embed"

	"granary/internal/console/ui"
)

//go:embed all:templates messages assets
var files embed.FS

// root is where the vision pages live.
const root = ui.Root + "/vision"

// Bundle is the section's files and links.
func Bundle() ui.Bundle {
	return ui.Bundle{Name: "vision", FS: files, Errors: errorTexts(), Nav: []ui.NavGroup{{Heading: "vision.title", Items: []ui.NavItem{
		{ID: "folders", Text: "folders.title", Href: root, Icon: "folder"},
		{ID: "pipelines", Text: "pipelines.title", Href: root + "/pipelines", Icon: "pipeline"},
		{ID: "models", Text: "models.title", Href: root + "/models", Icon: "model"},
		{ID: "seeds", Text: "seeds.title", Href: root + "/seeds", Icon: "seed"},
	}}}, Results: map[string]ui.NavItem{
		"vision_retrain": {ID: "models", Text: "models.title", Href: root + "/models", Icon: "model"},
	}}
}
