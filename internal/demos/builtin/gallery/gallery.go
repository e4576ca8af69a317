// Package gallery looks at the pictures of a data set once and keeps what the
// apps compare: a vector of each, and its corners where they are wanted. It
// owns the list of pictures as result documents show it (the "index"), but no
// comparison and no file of its own.
//
//	dataset.View ─► Look: decode one picture per processor, describe, forget its pixels
//	             ─► Gallery ─► Index (wire) · Vectors (unit vectors, one set per relative pose)
//
// Memory is that of the vectors, 3 KB a picture, and of as many decoded
// pictures as there are processors.
package gallery

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"granary/internal/demos/builtin/descriptor"
	"granary/internal/demos/builtin/keypoint"
	"granary/internal/demos/dataset"
	"granary/internal/demos/plane"
	"granary/internal/platform/fault"
	"granary/internal/platform/worker/guest"
)

// MaxImages bounds the pictures of one gallery: with eight poses their vectors
// take 350 MB.
const MaxImages = 50_000

// maxProblems bounds the problems that are kept word by word.
const maxProblems = 100

// Gallery is the readable pictures of a data set, by document.
type Gallery struct {
	// Parts are in order of the uids of their documents.
	Parts []Part
	// Images are those of all parts, in order.
	Images []dataset.Image
	// Raw holds the vector of each picture as described, one after the other.
	Raw []float32
	// Corners of each picture; nil unless they were asked for.
	Corners []*keypoint.Features
	// Problems say in words which pictures could not be used.
	Problems []string
}

// Part is a document and its pictures, from From up to but without To.
type Part struct {
	dataset.Document
	From, To int
}

// Options say what Look keeps.
type Options struct {
	Describer *descriptor.Describer
	// Finder finds corners; nil for none.
	Finder *keypoint.Finder
}

// Look describes the pictures of view and shows a bar meanwhile. A picture
// that cannot be read is warned of and left out. Errors: ctx's, fault.TooLarge
// for more than MaxImages, fault.Invalid when not one picture can be read.
func Look(ctx context.Context, job *guest.Job, view *dataset.View, o Options) (*Gallery, error) {
	g := &Gallery{}
	for _, text := range view.Problems {
		g.problem(job, text)
	}
	documents := slices.SortedFunc(slices.Values(view.Documents), func(a, b dataset.ViewDocument) int { return cmp.Compare(a.UID, b.UID) })
	var all []dataset.Image
	for _, d := range documents {
		if len(d.Images) == 0 {
			g.problem(job, fmt.Sprintf("Document %.100s has no images", d.UID))
		}
		all = append(all, d.Images...)
	}
	if len(all) > MaxImages {
		return nil, fault.New(fault.TooLarge, "the data set has %d pictures, more than %d", len(all), MaxImages)
	}
	looks, err := look(ctx, job, all, o)
	if err != nil {
		return nil, err
	}
	next := 0
	for _, d := range documents {
		part := Part{Document: d.Document, From: len(g.Images)}
		for range d.Images {
			seen := looks[next]
			next++
			if seen.err != nil {
				g.problem(job, fmt.Sprintf("Image %.100s of document %.100s: %s", seen.image.ID, d.UID, fault.Message(seen.err)))
				continue
			}
			g.Images = append(g.Images, seen.image)
			g.Raw = append(g.Raw, seen.raw...)
			if o.Finder != nil {
				g.Corners = append(g.Corners, seen.corners)
			}
		}
		part.To = len(g.Images)
		if part.To > part.From {
			g.Parts = append(g.Parts, part)
		}
	}
	if len(g.Images) == 0 {
		return nil, fault.New(fault.Invalid, "no picture of the data set could be read")
	}
	return g, nil
}

func (g *Gallery) problem(job *guest.Job, text string) {
	job.Warn(text)
	if len(g.Problems) < maxProblems {
		g.Problems = append(g.Problems, text)
	}
}

// seen is what is kept of one picture.
type seen struct {
	image   dataset.Image
	raw     []float32
	corners *keypoint.Features
	err     error
}

func look(ctx context.Context, job *guest.Job, images []dataset.Image, o Options) ([]seen, error) {
	out := make([]seen, len(images))
	var mu sync.Mutex
	var done int64
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	defer job.Done("features")
	for i, picture := range images {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			out[i] = o.see(picture)
			mu.Lock()
			defer mu.Unlock()
			done++
			job.Progress("features", "Computing features", done, int64(len(images)))
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return out, nil
}

func (o Options) see(picture dataset.Image) seen {
	pixels, err := picture.Decode()
	if err != nil {
		return seen{image: picture, err: err}
	}
	out := seen{image: picture, raw: make([]float32, descriptor.Size)}
	o.Describer.Describe(pixels, out.raw)
	if o.Finder != nil {
		out.corners = o.Finder.Find(plane.From(pixels))
	}
	return out
}
