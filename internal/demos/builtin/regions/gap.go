package regions

import (
	"encoding/json"
	"fmt"
	"image"

	"granary/internal/demos/dataset"
)

// maxGap bounds the pages that are filled in between two pictures: a manifest
// has at most so many.
const maxGap = 10_000

// withGaps puts an empty annotation where a page of a manifest could not be
// had: clients take a page's number from its place in the list.
func withGaps(list []Annotation, images []dataset.Image) []Annotation {
	var out []Annotation
	for i, one := range list {
		page := pageNumber(images[i])
		for missing := len(out) + 1; missing < page && page <= maxGap; missing++ {
			absent := dataset.Image{ID: fmt.Sprintf("%04d.jpg", missing), DocUID: images[i].DocUID}
			out = append(out, annotate(absent, image.Point{}, nil, Postprocess{}))
		}
		out = append(out, one)
	}
	return out
}

// pageNumber is a picture's page in its manifest, from 1; 0 for pictures of
// other sources.
func pageNumber(picture dataset.Image) int {
	switch n := picture.Metadata["page"].(type) {
	case float64:
		return int(n)
	case json.Number:
		if page, err := n.Int64(); err == nil {
			return int(page)
		}
	case int:
		return n
	}
	return 0
}
