package segment

import (
	"context"
	"image"
	"slices"
)

// MaxObjects bounds how many objects one picture gives; the best scored stay.
// A picture with more is a texture, not a tray of seeds.
const MaxObjects = 2000

// Find returns the objects of a picture from top to bottom and left to right.
// A picture without any, or too small to hold one, gives none. It blocks for
// about 25 ns a pixel and returns ctx's error when that ends first.
func Find(ctx context.Context, img image.Image) ([]Object, error) {
	src := newSource(img)
	if src.width < 3 || src.height < 3 {
		return nil, ctx.Err()
	}
	p, err := reduce(ctx, src, workPixels)
	if err != nil {
		return nil, err
	}
	g := estimate(p)
	if max(g.noise[0], g.noise[1], g.noise[2]) > noisy {
		for _, plane := range [][]float32{p.l, p.a, p.b} {
			smooth(plane, p.w, p.h)
		}
		g = estimate(p)
	}
	c := measure(p, g)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	mask := c.find()
	regions, runs := connect(mask, p.w, p.h, true, true)
	labels := make([]int32, len(mask))
	paint(labels, p.w, runs)
	count := split(mask, labels, regions, p.w, p.h)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f := &refine{src: src, p: p, g: g, c: c, labels: labels, table: labTables()}
	var objects []Object
	for _, one := range c.candidates(labels, count) {
		if one.plausible(p.w, p.h) {
			objects = append(objects, f.box(&one))
		}
	}
	return order(objects), ctx.Err()
}

// noisy is the scatter of the ground, in Lab units, above which the planes are
// smoothed first.
const noisy = 0.8

// order keeps the best MaxObjects and sorts for reading.
func order(objects []Object) []Object {
	if len(objects) > MaxObjects {
		slices.SortStableFunc(objects, func(a, b Object) int {
			switch {
			case a.Score > b.Score:
				return -1
			case a.Score < b.Score:
				return 1
			}
			return 0
		})
		objects = objects[:MaxObjects]
	}
	slices.SortStableFunc(objects, func(a, b Object) int {
		if a.MinY != b.MinY {
			return int(a.MinY - b.MinY)
		}
		return int(a.MinX - b.MinX)
	})
	return objects
}
