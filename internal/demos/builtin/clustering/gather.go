package clustering

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/jpeg"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"

	"golang.org/x/image/draw"
	"golang.org/x/sync/errgroup"

	"granary/internal/demos/builtin/clustering/dti"
	"granary/internal/demos/dataset"
	"granary/internal/platform/fault"
	"granary/internal/platform/worker/guest"
)

const (
	// side is that of the squares which people see.
	side = 128
	// quality is that of their JPEGs.
	quality = 90
	// maxAtOnce bounds the pictures that are decoded at the same time: one of 64
	// megapixels takes 256 MB.
	maxAtOnce = 4
)

// square is a picture of side×side pixels, red, green, blue, 0..1.
type square []float32

func newSquare() square { return make(square, side*side*3) }

// set is the pictures of a task.
type set struct {
	folder string
	// paths name the readable pictures in their data set.
	paths []string
	// kept are their numbers among all pictures, which name their files.
	kept []int
	// background is nil when whole pictures are grouped.
	background square
}

// gather makes squares of the pictures, which loses their proportions, and
// keeps them in folder. A picture that cannot be read is warned of and left
// out. Errors: ctx's, those of the folder, fault.TooLarge, fault.Invalid when
// not one picture can be read.
func gather(ctx context.Context, job *guest.Job, view *dataset.View, folder string) (*set, error) {
	for _, text := range view.Problems {
		job.Warn(text)
	}
	all := view.Images()
	if len(all) > dti.MaxPictures {
		return nil, fault.New(fault.TooLarge, "the data set has %d pictures, more than %d", len(all), dti.MaxPictures)
	}
	out, problems := &set{folder: folder}, make([]error, len(all))
	var mu sync.Mutex
	var finished int64
	defer job.Done("images")
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(min(runtime.GOMAXPROCS(0), maxAtOnce))
	for i, picture := range all {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			text, err := squared(picture)
			if problems[i] = err; err == nil {
				if err := os.WriteFile(out.at(i), text, 0o600); err != nil {
					return fmt.Errorf("keep picture: %w", err)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			finished++
			job.Progress("images", "Reading pictures", finished, int64(len(all)))
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for i, picture := range all {
		if problems[i] != nil {
			job.Warn(fmt.Sprintf("Image %.100s of document %.100s: %s", picture.ID, picture.DocUID, fault.Message(problems[i])))
			continue
		}
		path := picture.Path
		if len(view.Documents) > 1 {
			path = picture.DocUID + "/" + path
		}
		out.paths, out.kept = append(out.paths, path), append(out.kept, i)
	}
	if len(out.paths) == 0 {
		return nil, fault.New(fault.Invalid, "no picture of the data set could be read")
	}
	return out, nil
}

// squared returns the JPEG of a picture as a square, over white.
func squared(picture dataset.Image) ([]byte, error) {
	pixels, err := picture.Decode()
	if err != nil {
		return nil, err
	}
	out := image.NewRGBA(image.Rect(0, 0, side, side))
	draw.Draw(out, out.Rect, image.White, image.Point{}, draw.Src)
	draw.BiLinear.Scale(out, out.Rect, pixels, pixels.Bounds(), draw.Over, nil)
	return encode(out)
}

func encode(pixels image.Image) ([]byte, error) {
	var out bytes.Buffer
	if err := jpeg.Encode(&out, pixels, &jpeg.Options{Quality: quality}); err != nil {
		return nil, fmt.Errorf("encode picture: %w", err)
	}
	return out.Bytes(), nil
}

// file is where a square is kept.
func (s *set) file(i int) string { return s.at(s.kept[i]) }

func (s *set) at(number int) string { return filepath.Join(s.folder, strconv.Itoa(number)+".jpg") }

// raw returns the values of a square.
func (s *set) raw(i int) (square, error) {
	text, err := os.ReadFile(s.file(i))
	if err != nil {
		return nil, fmt.Errorf("read kept picture: %w", err)
	}
	pixels, err := jpeg.Decode(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("decode kept picture: %w", err)
	}
	flat := image.NewRGBA(image.Rect(0, 0, side, side))
	draw.Draw(flat, flat.Rect, pixels, pixels.Bounds().Min, draw.Src)
	out := newSquare()
	for i := range side * side {
		for c := range 3 {
			out[3*i+c] = float32(flat.Pix[4*i+c]) / 255
		}
	}
	return out, nil
}

// lifted returns a square as it is grouped: without its background, half as
// strong about the middle so that nothing is cut off.
func (s *set) lifted(of square) square {
	if s.background == nil {
		return of
	}
	out := newSquare()
	for i, v := range of {
		out[i] = (v-s.background[i])/2 + 0.5
	}
	return out
}

// shown undoes lifted.
func (s *set) shown(of square) square {
	if s.background == nil {
		return of
	}
	out := newSquare()
	for i, v := range of {
		out[i] = 2*(v-0.5) + s.background[i]
	}
	return out
}

// shrink returns the pictures as they are grouped.
func (s *set) shrink(ctx context.Context) ([]dti.Picture, error) {
	const step = side / dti.Side
	out := make([]dti.Picture, len(s.paths))
	for n := range out {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		values, err := s.raw(n)
		if err != nil {
			return nil, err
		}
		values = s.lifted(values)
		for i := range out[n] {
			x, y, c := i/3%dti.Side, i/3/dti.Side, i%3
			sum := float32(0)
			for dy := range step {
				for dx := range step {
					sum += values[((y*step+dy)*side+x*step+dx)*3+c]
				}
			}
			out[n][i] = level(sum / (step * step))
		}
	}
	return out, nil
}

// level returns a value 0..1 as a byte.
func level(v float32) uint8 { return uint8(min(max(v, 0), 1)*255 + 0.5) }
