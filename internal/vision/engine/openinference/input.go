package openinference

import (
	"encoding/binary"
	"image"
	"image/color"
	"image/draw"
	"math"

	scale "golang.org/x/image/draw"

	"granary/internal/platform/raster"
	"granary/internal/vision/engine"
)

// letterboxGrey is the bars' colour that detectors are usually trained with.
const letterboxGrey = 114

// placement says where the picture lies in the input tensor, in its pixels.
type placement struct {
	left, top, width, height float64
}

// place returns the placement of a picture of w×h pixels.
func (in Input) place(w, h int) placement {
	p := placement{width: float64(in.Width), height: float64(in.Height)}
	if in.Resize == "letterbox" {
		s := min(p.width/float64(w), p.height/float64(h))
		p.width, p.height = max(math.Round(float64(w)*s), 1), max(math.Round(float64(h)*s), 1)
		p.left, p.top = math.Floor((float64(in.Width)-p.width)/2), math.Floor((float64(in.Height)-p.height)/2)
	}
	return p
}

// box maps corners in tensor pixels to fractions of the picture.
func (p placement) box(x0, y0, x1, y1 float64) engine.Box {
	return engine.Box{
		TopX: (x0 - p.left) / p.width, TopY: (y0 - p.top) / p.height,
		BottomX: (x1 - p.left) / p.width, BottomY: (y1 - p.top) / p.height,
	}
}

// tensor returns the picture's samples in the declared layout and order, as
// the bytes of a little-endian tensor, and where the picture lies in it.
func (in Input) tensor(picture *raster.Picture) ([]byte, placement, error) {
	pixels, err := picture.NRGBA()
	if err != nil {
		return nil, placement{}, err
	}
	p := in.place(pixels.Rect.Dx(), pixels.Rect.Dy())
	canvas := image.NewRGBA(image.Rect(0, 0, in.Width, in.Height))
	area := image.Rect(int(p.left), int(p.top), int(p.left+p.width), int(p.top+p.height))
	if area != canvas.Rect {
		draw.Draw(canvas, canvas.Rect, image.NewUniform(color.Gray{Y: letterboxGrey}), image.Point{}, draw.Src)
	}
	// Transparent parts show white, as on the screen.
	draw.Draw(canvas, area, image.White, image.Point{}, draw.Src)
	scale.BiLinear.Scale(canvas, area, pixels, pixels.Rect, draw.Over, nil)
	return in.pack(canvas), p, nil
}

// pack writes the samples of the canvas.
func (in Input) pack(canvas *image.RGBA) []byte {
	size := 4
	if in.Datatype == "UINT8" {
		size = 1
	}
	plane := in.Width * in.Height
	out := make([]byte, 3*plane*size)
	for c := range 3 {
		source := c
		if in.Channels == "bgr" {
			source = 2 - c
		}
		// Each sample has one of 256 values, so each is computed once.
		var values [256]uint32
		for v := range values {
			values[v] = math.Float32bits(float32((float64(v)*in.Scale - in.Mean[c]) / in.Std[c]))
		}
		for i := range plane {
			at := c*plane + i
			if in.Layout == "nhwc" {
				at = 3*i + c
			}
			sample := canvas.Pix[4*i+source]
			if size == 1 {
				out[at] = sample
			} else {
				binary.LittleEndian.PutUint32(out[4*at:], values[sample])
			}
		}
	}
	return out
}

// shape returns the dimensions of the tensor.
func (in Input) shape() []int {
	if in.Layout == "nhwc" {
		return []int{1, in.Height, in.Width, 3}
	}
	return []int{1, 3, in.Height, in.Width}
}
