package dataset

import (
	"bufio"
	"errors"
	"image"
	"image/png"
	"math"
	"os"

	"golang.org/x/image/draw"

	"granary/internal/platform/raster"
)

// thumbnailSide is the box that a picture of a list is made to fit.
const thumbnailSide = 244

// keepJPEG keeps a JPEG as it is and turns any other picture into one.
func keepJPEG(root *os.Root, fetched, stem string) (string, error) {
	return keep(root, fetched, stem, func(h raster.Header) bool { return h.Format == raster.JPEG }, nil)
}

// keepPicture keeps a JPEG or PNG as it is and turns any other picture into a
// JPEG.
func keepPicture(root *os.Root, fetched, stem string) (string, error) {
	return keep(root, fetched, stem, func(h raster.Header) bool { return h.Format == raster.JPEG || h.Format == raster.PNG }, nil)
}

// keepThumbnail makes a picture fit 244×244: a PNG when it is transparent
// somewhere, else a JPEG. A JPEG that fits stays as it is.
func keepThumbnail(root *os.Root, fetched, stem string) (string, error) {
	fits := func(h raster.Header) bool {
		return h.Format == raster.JPEG && h.Width <= thumbnailSide && h.Height <= thumbnailSide
	}
	return keep(root, fetched, stem, fits, thumbnail)
}

// keep gives a fetched picture its name when it may stay as it is, else it
// decodes it, changes it and writes it again.
func keep(root *os.Root, fetched, stem string, asIs func(raster.Header) bool, change func(image.Image) image.Image) (string, error) {
	found, err := inspect(root, fetched, maxPicture)
	if err != nil {
		return "", err
	}
	if asIs(found) {
		name := stem + map[raster.Format]string{raster.JPEG: ".jpg", raster.PNG: ".png"}[found.Format]
		return name, root.Rename(fetched, name)
	}
	pixels, err := decode(root, fetched)
	if err != nil {
		return "", err
	}
	if change == nil {
		return stem + ".jpg", writeJPEG(root, stem+".jpg", flat(pixels, pixels.Bounds()))
	}
	pixels = change(pixels)
	if opaque, ok := pixels.(interface{ Opaque() bool }); ok && !opaque.Opaque() {
		return stem + ".png", writePNG(root, stem+".png", pixels)
	}
	return stem + ".jpg", writeJPEG(root, stem+".jpg", flat(pixels, pixels.Bounds()))
}

// lanczos is the kernel of that name with three lobes.
var lanczos = draw.Kernel{Support: 3, At: func(t float64) float64 {
	if t == 0 {
		return 1
	}
	x := math.Pi * t
	return 3 * math.Sin(x) * math.Sin(x/3) / (x * x)
}}

// thumbnail returns the picture made to fit, or itself when it does.
func thumbnail(pixels image.Image) image.Image {
	size := pixels.Bounds().Size()
	longest := max(size.X, size.Y)
	if longest <= thumbnailSide {
		return pixels
	}
	fit := func(side int) int { return max(1, (side*thumbnailSide+longest/2)/longest) }
	out := image.NewNRGBA(image.Rect(0, 0, fit(size.X), fit(size.Y)))
	lanczos.Scale(out, out.Rect, pixels, pixels.Bounds(), draw.Src, nil)
	return out
}

func writePNG(root *os.Root, name string, pixels image.Image) error {
	file, err := root.Create(name)
	if err != nil {
		return err
	}
	buffered := bufio.NewWriter(file)
	return errors.Join(png.Encode(buffered, pixels), buffered.Flush(), file.Close())
}
