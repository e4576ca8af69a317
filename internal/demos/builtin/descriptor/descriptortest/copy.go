package descriptortest

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"math/rand/v2"

	"golang.org/x/image/draw"

	"granary/internal/demos/plane"
)

// Kind is what was done to a copy.
type Kind string

// The kinds of copies.
const (
	Turned       Kind = "turned"
	Flipped      Kind = "flipped"
	Cropped      Kind = "cropped"      // 80 to 95 % of each side is left
	Scaled       Kind = "scaled"       // to 45 to 75 %
	Recompressed Kind = "recompressed" // JPEG of quality 15 to 40
	Recoloured   Kind = "recoloured"   // brighter or darker, with less contrast
)

// Kinds lists all kinds of copies.
func Kinds() []Kind { return []Kind{Turned, Flipped, Cropped, Scaled, Recompressed, Recoloured} }

// Copy returns img changed in the way of kind, by how much the seed decides,
// and recompressed with quality 80 whatever the kind: no copy has the very same
// samples.
func Copy(img *image.RGBA, seed uint64, kind Kind) image.Image {
	r := rand.New(rand.NewPCG(seed, uint64(len(kind))))
	size := img.Rect.Size()
	quality := 80
	switch kind {
	case Turned:
		img = Turn(img, []plane.Turn{plane.Rot90, plane.Rot180, plane.Rot270}[r.IntN(3)])
	case Flipped:
		img = Turn(img, []plane.Turn{plane.HFlip, plane.VFlip}[r.IntN(2)])
	case Cropped:
		left := func(side int) (int, int) {
			kept := int(float64(side) * (0.8 + 0.15*r.Float64()))
			from := r.IntN(side - kept)
			return from, from + kept
		}
		x0, x1 := left(size.X)
		y0, y1 := left(size.Y)
		part := image.NewRGBA(image.Rect(0, 0, x1-x0, y1-y0))
		draw.Copy(part, image.Point{}, img, image.Rect(x0, y0, x1, y1), draw.Src, nil)
		img = part
	case Scaled:
		by := 0.45 + 0.3*r.Float64()
		small := image.NewRGBA(image.Rect(0, 0, int(by*float64(size.X)), int(by*float64(size.Y))))
		draw.BiLinear.Scale(small, small.Rect, img, img.Rect, draw.Src, nil)
		img = small
	case Recompressed:
		quality = 15 + r.IntN(26)
	case Recoloured:
		gain, offset := 0.6+0.3*r.Float64(), 60*r.Float64()
		pale := image.NewRGBA(img.Rect)
		for i, v := range img.Pix {
			if i%4 != 3 {
				v = uint8(min(255, gain*float64(v)+offset))
			}
			pale.Pix[i] = v
		}
		img = pale
	}
	return Recompress(img, quality)
}

// Turn returns img turned.
func Turn(img *image.RGBA, t plane.Turn) *image.RGBA {
	size := img.Rect.Size()
	if t == plane.Rot90 || t == plane.Rot270 {
		size.X, size.Y = size.Y, size.X
	}
	out := image.NewRGBA(image.Rectangle{Max: size})
	channel := plane.New(img.Rect.Dx(), img.Rect.Dy())
	for c := range 4 {
		for i := range channel.Pix {
			channel.Pix[i] = img.Pix[4*i+c]
		}
		for i, v := range channel.Turned(t).Pix {
			out.Pix[4*i+c] = v
		}
	}
	return out
}

// Recompress returns img as JPEG of that quality leaves it.
func Recompress(img image.Image, quality int) image.Image {
	out, err := jpeg.Decode(bytes.NewReader(JPEG(img, quality)))
	if err != nil {
		panic(err) // what the encoder wrote is a JPEG
	}
	return out
}

// JPEG returns img as a file.
func JPEG(img image.Image, quality int) []byte {
	var file bytes.Buffer
	if err := jpeg.Encode(&file, img, &jpeg.Options{Quality: quality}); err != nil {
		panic(err) // the buffer takes everything and the size is small
	}
	return file.Bytes()
}

// Blank returns a picture of one colour.
func Blank(w, h int, c color.Color) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.Draw(img, img.Rect, image.NewUniform(c), image.Point{}, draw.Src)
	return img
}
