package raster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"
	"golang.org/x/sync/semaphore"

	"granary/internal/platform/fault"
)

// Limits that a Gate uses where its own field is zero.
const (
	DefaultMaxPixels = 64_000_000
	DefaultMaxFrames = 16
	DefaultMaxSide   = 30_000
	DefaultMaxBytes  = 40 << 20
)

const (
	// maxBytesPerPixel is what decoding may take at most: 16-bit RGBA. Of a
	// format that can take more, fewer pixels are accepted.
	maxBytesPerPixel = 8
	// largeDecode is the memory from which the pixel data is proved to be
	// there, at the price of unpacking it twice, before a decoder reserves it.
	largeDecode = 64 << 20
)

// Gate holds the limits that a picture must keep to. The zero value works and
// has the default limits; a Gate is safe for concurrent use.
type Gate struct {
	// MaxPixels bounds width × height. Defaults to 64,000,000.
	MaxPixels int
	// MaxFrames bounds frames or pages; only the first is used. Defaults to 16.
	MaxFrames int
	// MaxSide bounds the width and the height. Defaults to 30,000 pixels.
	MaxSide int
	// MaxBytes bounds the file. Defaults to 40 MiB.
	MaxBytes int64
	// Budget is shared by every picture that this gate opens and bounds the
	// memory of decodes that run at the same time. Defaults to none.
	Budget *Budget
}

// Budget bounds the memory that concurrent decodes may take together. A decode
// that does not fit waits for its turn.
type Budget struct {
	weight *semaphore.Weighted
	size   int64
}

// NewBudget returns a budget of size bytes. A picture larger than the whole
// budget takes all of it and is decoded alone.
func NewBudget(size int64) *Budget {
	size = max(size, 1)
	return &Budget{weight: semaphore.NewWeighted(size), size: size}
}

// hold blocks until n bytes are free and returns the function that frees them.
func (b *Budget) hold(n int64) func() {
	if b == nil {
		return func() {}
	}
	n = min(n, b.size)
	// Every holder is a decode that ends by itself, so the wait is finite.
	if err := b.weight.Acquire(context.Background(), n); err != nil {
		return func() {}
	}
	return func() { b.weight.Release(n) }
}

// Header is what a picture file says about itself.
type Header struct {
	Format Format
	// Width and Height are in pixels, as stored in the file.
	Width, Height int
	// Frames is the number of frames or pages, at least 1.
	Frames int
	// Orientation is the EXIF orientation, 1..8; 1 is upright.
	Orientation int
}

// MediaType returns the media type of the file, such as "image/png".
func (h Header) MediaType() string { return "image/" + string(h.Format) }

func (g Gate) withDefaults() Gate {
	if g.MaxPixels <= 0 {
		g.MaxPixels = DefaultMaxPixels
	}
	if g.MaxFrames <= 0 {
		g.MaxFrames = DefaultMaxFrames
	}
	if g.MaxSide <= 0 {
		g.MaxSide = DefaultMaxSide
	}
	if g.MaxBytes <= 0 {
		g.MaxBytes = DefaultMaxBytes
	}
	return g
}

// Inspect reads the header of data and refuses what breaks a limit, without
// decoding a pixel. Errors: fault.TooLarge for a broken limit, fault.Invalid
// for a file that is no picture, is damaged or uses what is not supported.
func (g Gate) Inspect(data []byte) (Header, error) {
	g = g.withDefaults()
	if len(data) == 0 {
		return Header{}, fault.New(fault.Invalid, "the picture is empty")
	}
	if int64(len(data)) > g.MaxBytes {
		return Header{}, fault.New(fault.TooLarge, "the picture has %d bytes, more than %d", len(data), g.MaxBytes)
	}
	format := Sniff(data)
	walk, config := decoders(format)
	if walk == nil {
		return Header{}, fault.New(fault.Invalid, "the file is no picture of a supported format (found %s)", format)
	}
	header, err := walk(data, g)
	if err != nil {
		return Header{}, refuse(format, err)
	}
	header.Format = format
	header.Frames = max(header.Frames, 1)
	if header.Orientation < 1 || header.Orientation > 8 {
		header.Orientation = 1
	}
	// The decoder's own look at the header finds what it cannot decode
	// (12-bit JPEG, CMYK TIFF) before a picture is accepted and stored.
	found, err := config(data)
	if err != nil {
		return Header{}, refuse(format, err)
	}
	if found.Width != header.Width || found.Height != header.Height {
		return Header{}, refuse(format, errors.New("the header contradicts itself"))
	}
	return header, nil
}

// checkSize refuses sides and areas beyond the limits.
func (g Gate) checkSize(width, height int) error {
	switch {
	case width <= 0 || height <= 0:
		return fault.New(fault.Invalid, "the picture has no pixels")
	case width > g.MaxSide || height > g.MaxSide:
		return fault.New(fault.TooLarge, "the picture is %dx%d, a side may have %d pixels at most", width, height, g.MaxSide)
	case width > math.MaxInt/height || width*height > g.MaxPixels:
		return fault.New(fault.TooLarge, "the picture is %dx%d, more than %d pixels", width, height, g.MaxPixels)
	}
	return nil
}

// checkFrames refuses more frames than the limit.
func (g Gate) checkFrames(frames int) error {
	if frames > g.MaxFrames {
		return fault.New(fault.TooLarge, "the picture has more than %d frames", g.MaxFrames)
	}
	return nil
}

// refuse makes err one that the user may read and that names the format.
func refuse(format Format, err error) error {
	var own *fault.Error
	if errors.As(err, &own) {
		return err
	}
	return fault.New(fault.Invalid, "the %s picture cannot be read: %w", format, err)
}

// Open inspects data and returns it as a picture. One that an EXIF orientation
// turns is decoded at once and made upright; of the others the pixels are
// decoded only when they are asked for, so that damage behind an intact header
// shows at the first use. data must not be changed afterwards. Errors: as
// Inspect.
func (g Gate) Open(data []byte) (*Picture, error) {
	header, err := g.Inspect(data)
	if err != nil {
		return nil, err
	}
	g = g.withDefaults()
	if header.Orientation == 1 {
		return &Picture{Header: header, gate: g, file: data}, nil
	}
	pixels, err := g.decode(data, header)
	if err != nil {
		return nil, err
	}
	return g.fromPixels(turn(pixels, header.Orientation), header.Format), nil
}

// fromPixels returns a picture of pixels that came out of a file of a format.
func (g Gate) fromPixels(pixels image.Image, format Format) *Picture {
	if format == WebP { // no pure Go encoder exists
		format = PNG
	}
	size := pixels.Bounds().Size()
	return &Picture{
		Header: Header{Format: format, Width: size.X, Height: size.Y, Frames: 1, Orientation: 1},
		gate:   g,
		img:    rebase(pixels),
	}
}

// decode returns the pixels of the first frame with the origin at 0,0.
func (g Gate) decode(data []byte, header Header) (image.Image, error) {
	cost := decodeCost(data, header)
	defer g.Budget.hold(cost)()
	pixels, err := decodePixels(data, header, cost >= largeDecode)
	if err != nil {
		return nil, refuse(header.Format, err)
	}
	return pixels, nil
}

// decodePixels decodes the first frame; prove asks for a look at the pixel
// data first, where the format allows one that costs no memory.
func decodePixels(data []byte, header Header, prove bool) (image.Image, error) {
	reader := bytes.NewReader(data)
	switch header.Format {
	case JPEG:
		return jpeg.Decode(reader)
	case PNG:
		if prove {
			if err := provePNG(data); err != nil {
				return nil, err
			}
		}
		return decodePNG(data)
	case GIF:
		frame, err := gif.Decode(reader)
		if err != nil {
			return nil, err
		}
		return onScreen(frame, header), nil
	case BMP:
		return bmp.Decode(reader)
	case TIFF:
		if prove {
			if err := proveTIFF(data); err != nil {
				return nil, err
			}
		}
		return decodeTIFF(data)
	case WebP:
		return decodeWebP(data, header)
	}
	return nil, fmt.Errorf("no decoder for %s", header.Format)
}

// decodeCost returns about how many bytes decoding takes.
func decodeCost(data []byte, header Header) int64 {
	pixels := int64(header.Width) * int64(header.Height)
	switch header.Format {
	case JPEG:
		if frame, marker := jpegFrame(data); frame != nil {
			return int64(float64(pixels) * jpegBytesPerPixel(frame, marker))
		}
	case PNG:
		return pixels * max(int64(data[24])/8, 1) * 4 // colour becomes RGBA
	case GIF:
		return pixels
	case BMP:
		return pixels * 4
	}
	return pixels * maxBytesPerPixel
}

// walker reads the header of one format within the limits of a gate.
type walker func(data []byte, g Gate) (Header, error)

// decoders returns the header walk and the decoder's own header reader of a
// format; both are nil for a format that is only known by name.
func decoders(format Format) (walker, func([]byte) (image.Config, error)) {
	switch format {
	case JPEG:
		return walkJPEG, func(b []byte) (image.Config, error) { return jpeg.DecodeConfig(bytes.NewReader(b)) }
	case PNG:
		return walkPNG, func(b []byte) (image.Config, error) { return png.DecodeConfig(bytes.NewReader(b)) }
	case GIF:
		return walkGIF, func(b []byte) (image.Config, error) { return gif.DecodeConfig(bytes.NewReader(b)) }
	case BMP:
		return walkBMP, func(b []byte) (image.Config, error) { return bmp.DecodeConfig(bytes.NewReader(b)) }
	case TIFF:
		return walkTIFF, func(b []byte) (image.Config, error) { return tiff.DecodeConfig(bytes.NewReader(b)) }
	case WebP:
		return walkWebP, func(b []byte) (image.Config, error) { return webp.DecodeConfig(bytes.NewReader(b)) }
	}
	return nil, nil
}
