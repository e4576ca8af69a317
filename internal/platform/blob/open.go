package blob

import (
	"context"
	"strings"

	"granary/internal/platform/blob/cloud"
	"granary/internal/platform/blob/dir"
)

// Config says where the bytes are.
type Config struct {
	// URL is file:FOLDER, azblob://CONTAINER, s3://BUCKET?region=…, or an Azure
	// storage connection string as it stands.
	URL string
	// Container is the container used with a connection string; it is created
	// when absent. Defaults to granary.
	Container string
}

// Open returns the bucket that cfg names.
func Open(ctx context.Context, cfg Config) (Bucket, error) {
	if folder, ok := strings.CutPrefix(cfg.URL, "file:"); ok {
		if rest, slashes := strings.CutPrefix(folder, "//"); slashes {
			folder = rest
		}
		if folder != "" {
			return dir.Open(folder)
		}
	}
	return cloud.Open(ctx, cfg.URL, cfg.Container)
}
