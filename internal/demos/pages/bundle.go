package pages

import (
	"embed"

	"granary/internal/console/ui"
	"granary/internal/demos"
)

//go:embed all:templates messages
var files embed.FS

// root is where the demos' pages live.
const root = ui.Root + "/demos"

// Bundle is the section's files and links; every installed app's jobs lead to
// their tasks.
func (s *Section) Bundle() ui.Bundle { return bundle(s.service.Apps()) }

func bundle(apps []*demos.App) ui.Bundle {
	results := map[string]ui.NavItem{}
	for _, app := range apps {
		results[app.JobKind()] = ui.NavItem{ID: "demos", Text: "demos.task", Href: root + "/jobs/{job}", Icon: "pipeline"}
	}
	return ui.Bundle{Name: "demos", FS: files, Results: results, Nav: []ui.NavGroup{{Heading: "demos.title", Items: []ui.NavItem{
		{ID: "demos", Text: "demos.apps", Href: root, Icon: "pipeline", Needs: "steward"},
		{ID: "demo_tasks", Text: "demos.tasks", Href: root + "/tasks", Icon: "clock", Needs: "steward"},
	}}}}
}
