package dataset

import (
	"bufio"
	"errors"
	"fmt"
	"image"
	"image/draw"
	_ "image/gif" // a format that servers send
	"image/jpeg"
	_ "image/png" // the other format of a document's pictures
	"io"
	"os"
	"path/filepath"

	_ "golang.org/x/image/bmp"  // formats that servers send
	_ "golang.org/x/image/tiff" // …
	_ "golang.org/x/image/webp" // …

	"granary/internal/platform/fault"
)

const (
	// maxPixels and maxSide bound a picture before its pixels are decoded.
	maxPixels = 64_000_000
	maxSide   = 30_000
	// jpegQuality is that of the pictures we write: what an app sees must not
	// suffer from it.
	jpegQuality = 92
	// emptyCrop is the side of the black square that stands for an empty box.
	emptyCrop = 244
)

// Decode returns the pixels of the picture as they are stored, not turned by
// an orientation mark, since boxes refer to them so. Errors: fault.TooLarge
// for more pixels than allowed, fault.Invalid for a damaged file.
func (i Image) Decode() (image.Image, error) {
	file, err := os.Open(i.File)
	if err != nil {
		return nil, fault.New(fault.NotFound, "the picture %s cannot be opened: %w", i.ID, errors.Unwrap(err))
	}
	defer file.Close()
	pixels, err := decode(file)
	if err != nil {
		return nil, fmt.Errorf("decode %s: %w", i.ID, err)
	}
	return pixels, nil
}

// decode checks the header of a picture and decodes it.
func decode(file io.ReadSeeker) (image.Image, error) {
	if _, err := inspect(file); err != nil {
		return nil, err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	pixels, _, err := image.Decode(bufio.NewReader(file))
	if err != nil {
		return nil, fault.New(fault.Invalid, "the picture cannot be read: %w", err)
	}
	return pixels, nil
}

// header is what a picture says about itself.
type header struct {
	format string // as the image package calls it
	size   image.Point
}

// inspect reads the header of a picture and refuses what breaks a limit.
func inspect(file io.Reader) (header, error) {
	config, format, err := image.DecodeConfig(bufio.NewReader(file))
	switch {
	case err != nil:
		return header{}, fault.New(fault.Invalid, "the file is no picture that can be read: %w", err)
	case config.Width <= 0 || config.Height <= 0:
		return header{}, fault.New(fault.Invalid, "the picture has no pixels")
	case config.Width > maxSide || config.Height > maxSide || config.Width*config.Height > maxPixels:
		return header{}, fault.New(fault.TooLarge, "the picture is %dx%d, more than %d pixels", config.Width, config.Height, maxPixels)
	}
	return header{format, image.Pt(config.Width, config.Height)}, nil
}

// cut writes the crops of one picture under a document's folder; those that
// are there already stay. The picture is decoded only when one is missing.
func cut(source Image, dir string, crops []crop) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	var pixels image.Image
	for _, c := range crops {
		name := filepath.FromSlash(croppedPath(c.ID))
		if _, err := root.Lstat(name); err == nil {
			continue
		}
		if pixels == nil {
			if pixels, err = source.Decode(); err != nil {
				return err
			}
		}
		if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return fmt.Errorf("make folder of crop %s: %w", c.ID, err)
		}
		if err := writeJPEG(root, name, part(pixels, c.Relative)); err != nil {
			return fmt.Errorf("write crop %s: %w", c.ID, err)
		}
	}
	return nil
}

// part returns the pixels inside a box over white, or a black square for an
// empty box.
func part(pixels image.Image, b box) image.Image {
	bounds := pixels.Bounds()
	at := b.pixels(bounds.Size())
	if at.Empty() {
		return image.NewGray(image.Rect(0, 0, emptyCrop, emptyCrop))
	}
	return flat(pixels, at.Add(bounds.Min))
}

// flat returns a copy of the pixels inside at, over white where they are
// transparent.
func flat(pixels image.Image, at image.Rectangle) *image.RGBA {
	out := image.NewRGBA(image.Rectangle{Max: at.Size()})
	if opaque, ok := pixels.(interface{ Opaque() bool }); !ok || !opaque.Opaque() {
		draw.Draw(out, out.Rect, image.White, image.Point{}, draw.Src)
	}
	draw.Draw(out, out.Rect, pixels, at.Min, draw.Over)
	return out
}

// writeJPEG writes a picture under a temporary name first, so that another
// process never reads half of it.
func writeJPEG(root *os.Root, name string, pixels image.Image) error {
	temporary := name + ".part"
	file, err := root.Create(temporary)
	if err != nil {
		return err
	}
	buffered := bufio.NewWriter(file)
	err = errors.Join(jpeg.Encode(buffered, pixels, &jpeg.Options{Quality: jpegQuality}), buffered.Flush(), file.Close())
	if err != nil {
		return errors.Join(err, root.Remove(temporary))
	}
	return root.Rename(temporary, name)
}
