package watermarks

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"granary/internal/demos/builtin/descriptor"
	"granary/internal/platform/fault"
)

// stamp tells whether the files of a collection are those that were described.
type stamp struct {
	// Sizes in bytes and times in nanoseconds since 1970.
	IndexSize  int64 `json:"index_size"`
	IndexTime  int64 `json:"index_time"`
	ImagesSize int64 `json:"images_size"`
	ImagesTime int64 `json:"images_time"`
}

func stampOf(dir string) (stamp, error) {
	index, err := os.Stat(filepath.Join(dir, indexFile))
	if err != nil {
		return stamp{}, fault.New(fault.NotFound, "the collection %s has no %s", filepath.Base(dir), indexFile)
	}
	images, err := os.Stat(filepath.Join(dir, imagesFile))
	if err != nil {
		return stamp{}, fault.New(fault.NotFound, "the collection %s has no %s", filepath.Base(dir), imagesFile)
	}
	return stamp{index.Size(), index.ModTime().UnixNano(), images.Size(), images.ModTime().UnixNano()}, nil
}

// readFeatures returns what an earlier job kept of the collection, or nil when
// there is nothing of use: it can be made again.
func readFeatures(dir string, want stamp, marks int) *descriptor.Collection {
	file, err := os.Open(filepath.Join(dir, featuresFile))
	if err != nil {
		return nil
	}
	defer file.Close()
	var got stamp
	collection, err := descriptor.Read(file, &got)
	if err != nil || got != want || collection.Rows.Len() != marks {
		return nil
	}
	return collection
}

// writeFeatures keeps the vectors beside the collection. Two jobs may do so at
// a time; each renames a whole file of its own.
func writeFeatures(dir string, s stamp, c *descriptor.Collection) (err error) {
	file, err := os.CreateTemp(dir, "."+featuresFile+"-*")
	if err != nil {
		return fmt.Errorf("write features: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(file.Name()))
		}
	}()
	if err := errors.Join(c.Write(file, s), file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("write features: %w", err)
	}
	return os.Rename(file.Name(), filepath.Join(dir, featuresFile))
}
