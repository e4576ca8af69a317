package segment

import (
	"context"
	"image"
	"slices"

	"granary/internal/vision/engine/builtin/pixel"
)

// MaxObjects bounds how many objects one picture gives; the best scored stay.
// A picture with more is a texture, not a tray of seeds.
const MaxObjects = 2000

// Find returns the objects of a picture from top to bottom and left to right.
// A picture without any, or too small to hold one, gives none. Objects shorter
// than about five pixels of the reduced copy (ten of a 2 MP picture) are taken
// for dust. Find computes for tens of milliseconds and returns ctx's error when
// that ends first.
func Find(ctx context.Context, img image.Image) ([]Object, error) {
	found, err := search(ctx, img)
	if err != nil {
		return nil, err
	}
	for k := range found.objects {
		if !found.sheet(k) {
			continue
		}
		inner, err := within(ctx, img, &found.objects[k])
		if err != nil {
			return nil, err
		}
		if len(inner) > 0 {
			found.objects = append(slices.Delete(found.objects, k, k+1), inner...)
		}
		break
	}
	return order(found.objects), ctx.Err()
}

// result is what one search gives.
type result struct {
	objects []Object
	w, h    float64
	// noise is the scatter of the ground in Lab units.
	noise float64
}

// search finds the objects on the ground that the picture's border shows.
func search(ctx context.Context, img image.Image) (result, error) {
	src := pixel.NewSource(img)
	if src.Width < 3 || src.Height < 3 {
		return result{}, ctx.Err()
	}
	p, err := reduce(ctx, src, workPixels)
	if err != nil {
		return result{}, err
	}
	g := estimate(p)
	c := measure(p, g)
	c.choose(g)
	if err := ctx.Err(); err != nil {
		return result{}, err
	}
	mask, gaps := c.find()
	regions, runs := connect(mask, p.w, p.h, true, true)
	labels := make([]int32, len(mask))
	paint(labels, p.w, runs)
	count := split(mask, gaps, labels, regions, p.w, p.h)
	if err := ctx.Err(); err != nil {
		return result{}, err
	}
	f := &refine{src: src, p: p, g: g, c: c, labels: labels, table: pixel.Lab()}
	r := result{w: float64(src.Width), h: float64(src.Height), noise: max(g.noise[0], g.noise[1], g.noise[2])}
	for _, one := range c.candidates(labels, count) {
		if one.plausible(p.w, p.h) {
			r.objects = append(r.objects, f.box(&one))
		}
	}
	return r, ctx.Err()
}

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
