package vectorization

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"granary/internal/demos/builtin/vectorization/trace"
	"granary/internal/demos/dataset"
	"granary/internal/demos/plane"
	"granary/internal/platform/fault"
)

// maxAtOnce bounds the pictures that are traced at the same time: one of 64
// megapixels takes 400 MB.
const maxAtOnce = 4

// drawing is what became of one picture.
type drawing struct {
	// file is the name of its SVG file within the document's folder.
	file string
	// dropped counts the parts that did not fit.
	dropped int
	err     error
}

// trace writes the drawings of a document and their archive, and returns how
// many there are. Errors are ctx's and those of the results folder.
func (t *task) trace(ctx context.Context, d dataset.ViewDocument) (done int, err error) {
	if err := t.results.MkdirAll(d.UID, 0o750); err != nil {
		return 0, fmt.Errorf("make folder of document %s: %w", d.UID, err)
	}
	drawings := name(d)
	if err := t.draw(ctx, d, drawings); err != nil {
		return 0, err
	}
	var files []string
	for i, made := range drawings {
		picture := d.Images[i].ID
		switch {
		case made.err != nil:
			t.problem(fmt.Sprintf("Image %.100s of document %.100s: %s", picture, d.UID, fault.Message(made.err)))
			continue
		case made.dropped > 0:
			t.job.Warn(fmt.Sprintf("Image %.100s of document %.100s has more than %d primitives: %d smaller parts were left out", picture, d.UID, trace.MaxSegments, made.dropped))
		}
		files = append(files, made.file)
	}
	if len(files) == 0 {
		return 0, nil
	}
	return len(files), t.pack(d.UID, files)
}

// name chooses the file of each picture: its stem. Pictures of different
// folders may share one, so the later ones are numbered.
func name(d dataset.ViewDocument) []drawing {
	out := make([]drawing, len(d.Images))
	taken := make(map[string]bool, len(d.Images))
	for i, picture := range d.Images {
		base := path.Base(picture.Path)
		stem := strings.TrimSuffix(base, path.Ext(base))
		free := stem
		for n := 2; taken[free]; n++ {
			free = fmt.Sprintf("%s-%d", stem, n)
		}
		taken[free] = true
		out[i].file = free + ".svg"
	}
	return out
}

// draw traces the pictures, some at a time.
func (t *task) draw(ctx context.Context, d dataset.ViewDocument, drawings []drawing) error {
	var mu sync.Mutex
	var finished int64
	total := int64(len(d.Images))
	title := fmt.Sprintf("Vectorizing %.80s", d.UID)
	t.job.Progress("images", title, 0, total)
	defer t.job.Done("images")
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(min(runtime.GOMAXPROCS(0), maxAtOnce))
	for i, picture := range d.Images {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			made := &drawings[i]
			made.dropped, made.err = t.picture(ctx, picture, path.Join(d.UID, made.file))
			mu.Lock()
			defer mu.Unlock()
			finished++
			t.job.Progress("images", title, finished, total)
			return ctx.Err()
		})
	}
	return group.Wait()
}

// picture traces one picture into a file and returns how many parts were left
// out.
func (t *task) picture(ctx context.Context, picture dataset.Image, file string) (int, error) {
	pixels, err := picture.Decode()
	if err != nil {
		return 0, err
	}
	traced, err := trace.Trace(ctx, plane.From(pixels))
	if err != nil {
		return 0, err
	}
	if err := t.results.WriteFile(filepath.FromSlash(file), traced.SVG(), 0o640); err != nil {
		return 0, fmt.Errorf("write drawing: %w", err)
	}
	return traced.Dropped, nil
}

// pack writes the archive of a document beside its drawings: deflated, all
// files at the top.
func (t *task) pack(uid string, files []string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("write archive of document %s: %w", uid, err)
		}
	}()
	out, err := t.results.Create(filepath.Join(uid, uid+".zip"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	archive := zip.NewWriter(out)
	for _, file := range files {
		if err := add(archive, t.results, filepath.Join(uid, file), file); err != nil {
			return err
		}
	}
	return archive.Close()
}

func add(archive *zip.Writer, from *os.Root, file, as string) error {
	in, err := from.Open(file)
	if err != nil {
		return err
	}
	defer in.Close()
	entry, err := archive.Create(as)
	if err != nil {
		return err
	}
	_, err = io.Copy(entry, in)
	return err
}
