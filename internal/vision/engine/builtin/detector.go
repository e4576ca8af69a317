package builtin

import (
	"context"

	"granary/internal/platform/fault"
	"granary/internal/platform/raster"
	"granary/internal/vision/engine"
	"granary/internal/vision/engine/builtin/segment"
)

// DetectorOptions are the options of granary-detector in a pipeline file.
type DetectorOptions struct {
	// MinScore drops objects that are less sure, 0..1. Defaults to 0: keep all.
	MinScore float64 `json:"min_score"`
	// MinSide drops boxes whose longer side is shorter, in pixels of the
	// picture. Defaults to 0: keep all.
	MinSide float64 `json:"min_side"`
}

// detector is the opened granary-detector.
type detector struct {
	options DetectorOptions
	slots   chan struct{}
}

var _ engine.Model = (*detector)(nil)

// Detect finds objects on a plain ground, from top to bottom. Beyond 1 MP it
// works on a reduced copy, so that only reading the pixels grows with the
// picture. Memory besides the picture's own is about 40 MiB, and below 100 MiB
// for the worst of patterns.
func (d *detector) Detect(ctx context.Context, picture *raster.Picture) ([]engine.Detection, error) {
	if err := enter(ctx, d.slots); err != nil {
		return nil, err
	}
	defer func() { <-d.slots }()
	pixels, err := picture.Image()
	if err != nil {
		return nil, err
	}
	objects, err := segment.Find(ctx, pixels)
	if err != nil {
		return nil, err
	}
	size := pixels.Bounds().Size()
	w, h := float64(size.X), float64(size.Y)
	found := make([]engine.Detection, 0, len(objects))
	for _, o := range objects {
		if o.Score < d.options.MinScore || max(o.MaxX-o.MinX, o.MaxY-o.MinY) < d.options.MinSide {
			continue
		}
		found = append(found, engine.Detection{
			Box:   engine.Box{TopX: o.MinX / w, TopY: o.MinY / h, BottomX: o.MaxX / w, BottomY: o.MaxY / h},
			Label: Unidentified, Score: o.Score,
		})
	}
	return found, nil
}

// Classify is not what a detector does.
func (d *detector) Classify(context.Context, *raster.Picture) ([]engine.Guess, error) {
	return nil, fault.New(fault.Invalid, "%s finds objects and does not name them", DetectorName)
}

// Close has nothing to release.
func (d *detector) Close() error { return nil }
