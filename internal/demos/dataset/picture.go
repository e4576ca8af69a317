package dataset

import (
	"bufio"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"image/jpeg"
	"os"
	"path/filepath"

	"granary/internal/platform/fault"
	"granary/internal/platform/raster"
)

const (
	// maxPicture bounds the file of a picture that an app decodes. A Library
	// admits what its Limits say, which may be less.
	maxPicture = 256 << 20
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
	root, err := os.OpenRoot(filepath.Dir(i.File))
	if err != nil {
		return nil, fault.New(fault.NotFound, "the picture %s is not there", i.ID)
	}
	defer root.Close()
	pixels, err := decode(root, filepath.Base(i.File))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fault.New(fault.NotFound, "the picture %s is not there", i.ID)
	}
	if err != nil {
		return nil, fmt.Errorf("decode %s: %w", i.ID, err)
	}
	return pixels, nil
}

// decode checks the header of a picture and decodes it.
func decode(root *os.Root, name string) (image.Image, error) {
	data, err := readFile(root, name, maxPicture)
	if err != nil {
		return nil, err
	}
	return raster.Gate{MaxBytes: maxPicture}.Stored(data)
}

// inspect reads the header of a picture of at most limit bytes and refuses
// what breaks a limit, without decoding a pixel.
func inspect(root *os.Root, name string, limit int64) (raster.Header, error) {
	data, err := readFile(root, name, limit)
	if err != nil {
		return raster.Header{}, err
	}
	return raster.Gate{MaxBytes: limit}.Inspect(data)
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
