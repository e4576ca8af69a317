package app

import (
	"context"
	"os"
	"path/filepath"

	"granary/internal/demos/builtin/watermarks"
	"granary/internal/platform/config"
	"granary/internal/platform/fault"
)

// BuildCollection makes the collection uid of watermarks in the apps' data
// folder from the folders of pictures below from. warn says which pictures
// could not be read. A running server offers the collection at once.
func BuildCollection(ctx context.Context, cfg *config.Config, uid, from string, m watermarks.Metadata, warn func(string)) error {
	if !filepath.IsLocal(uid) || filepath.Base(uid) != uid || uid[0] == '.' {
		return fault.New(fault.Invalid, "%q cannot name a collection", uid)
	}
	return watermarks.Build(ctx, filepath.Join(cfg.Demos.Folder, "watermarks", "sources", uid), os.DirFS(from), m, warn)
}
