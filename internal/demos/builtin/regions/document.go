package regions

import (
	"context"
	"fmt"
	"image"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"

	"granary/internal/demos/dataset"
	"granary/internal/demos/plane"
	"granary/internal/platform/fault"
)

// maxAtOnce bounds the pictures that are looked at at the same time: one of 64
// megapixels takes 300 MB.
const maxAtOnce = 4

// look returns the annotations of a document, one for each picture in order,
// and how many pictures could be read. The error is ctx's.
func (t *task) look(ctx context.Context, d dataset.ViewDocument) ([]Annotation, int, error) {
	out, problems := make([]Annotation, len(d.Images)), make([]error, len(d.Images))
	var mu sync.Mutex
	var finished int64
	total, title := int64(len(d.Images)), fmt.Sprintf("Looking at %.80s", d.UID)
	t.job.Progress("images", title, 0, total)
	defer t.job.Done("images")
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(min(runtime.GOMAXPROCS(0), maxAtOnce))
	for i, picture := range d.Images {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			out[i], problems[i] = t.picture(ctx, picture)
			mu.Lock()
			defer mu.Unlock()
			finished++
			t.job.Progress("images", title, finished, total)
			return ctx.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return nil, 0, err
	}
	read := 0
	for i, err := range problems {
		if err != nil {
			t.problem(fmt.Sprintf("Image %.100s of document %.100s: %s", d.Images[i].ID, d.UID, fault.Message(err)))
			continue
		}
		read++
	}
	return out, read, nil
}

// picture looks at one picture. One that cannot be read has no boxes.
func (t *task) picture(ctx context.Context, picture dataset.Image) (Annotation, error) {
	nothing := annotate(picture, image.Point{}, nil, t.widen)
	pixels, err := picture.Decode()
	if err != nil {
		return nothing, err
	}
	things, err := t.model.find(ctx, plane.From(pixels))
	if err != nil {
		return nothing, err
	}
	sure := things[:0]
	for _, thing := range things {
		if thing.confidence >= t.model.threshold {
			sure = append(sure, thing)
		}
	}
	return annotate(picture, pixels.Bounds().Size(), sure, t.widen), nil
}
