// Package apps holds the manifests of the demo apps that come with Granary.
// Each folder is what a lab's own app looks like too: see docs/apps.md.
package apps

import "embed"

// Files has one folder per app with its app.yaml.
//
//go:embed */app.yaml
var Files embed.FS
