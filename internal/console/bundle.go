package console

import (
	"embed"

	"granary/internal/console/ui"
)

//go:embed templates messages assets
var files embed.FS

// Bundle is the shell's own templates and messages. Its groups stand last in
// the rail.
func Bundle() ui.Bundle {
	return ui.Bundle{Name: "console", FS: files, Nav: []ui.NavGroup{
		{Heading: "nav.work", Items: []ui.NavItem{
			{ID: "jobs", Text: "nav.jobs", Href: ui.Root + "/jobs", Icon: "jobs", Needs: "steward"},
			{ID: "tokens", Text: "nav.tokens", Href: ui.Root + "/tokens", Icon: "key"},
		}},
		{Heading: "nav.admin", Items: []ui.NavItem{
			{ID: "users", Text: "nav.users", Href: ui.Root + "/users", Icon: "users", Needs: "admin"},
			{ID: "audit", Text: "nav.audit", Href: ui.Root + "/audit", Icon: "shield", Needs: "admin"},
		}},
	}}
}
