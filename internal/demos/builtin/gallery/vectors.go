package gallery

import (
	"context"
	"runtime"

	"golang.org/x/sync/errgroup"

	"granary/internal/demos/builtin/descriptor"
)

// chunk is the number of vectors that one goroutine projects at a time.
const chunk = 256

// Vectors returns the unit vectors of raw vectors in a space, once for each
// pose, in order.
func Vectors(ctx context.Context, d *descriptor.Describer, s *descriptor.Space, raw []float32, poses []descriptor.Pose) ([]descriptor.Rows, error) {
	n := len(raw) / descriptor.Size
	out := make([]descriptor.Rows, len(poses))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for p, pose := range poses {
		out[p] = descriptor.NewRows(n, s.Dim)
		for from := 0; from < n; from += chunk {
			group.Go(func() error {
				turned := make([]float32, descriptor.Size)
				for i := from; i < min(from+chunk, n); i++ {
					d.Turn(turned, raw[i*descriptor.Size:(i+1)*descriptor.Size], pose)
					s.Project(out[p].Row(i), turned)
				}
				return ctx.Err()
			})
		}
	}
	return out, group.Wait()
}

// PosesOf returns the pose of each relation.
func PosesOf(relations []descriptor.Relation) []descriptor.Pose {
	out := make([]descriptor.Pose, len(relations))
	for i, r := range relations {
		out[i] = r.Pose
	}
	return out
}

// Collect returns the pictures of raw vectors as a collection, in a space that
// is learnt from them.
func Collect(ctx context.Context, d *descriptor.Describer, raw []float32) (*descriptor.Collection, error) {
	space, err := d.Fit(ctx, raw)
	if err != nil {
		return nil, err
	}
	rows, err := Vectors(ctx, d, space, raw, []descriptor.Pose{descriptor.Upright})
	if err != nil {
		return nil, err
	}
	return &descriptor.Collection{Space: space, Rows: rows[0]}, nil
}
