package vision

import (
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"

	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"
)

// Annotation is one labelled rectangle to draw, in pixels.
type Annotation struct {
	Rect  Rect
	Label string
	Color color.RGBA
}

// Annotate writes the picture as a PNG with the rectangles and their labels
// drawn over it, in lines as thick as the picture's size asks for.
func Annotate(w io.Writer, picture image.Image, annotations []Annotation) error {
	bounds := picture.Bounds()
	canvas := image.NewRGBA(image.Rect(0, 0, bounds.Dx(), bounds.Dy()))
	draw.Draw(canvas, canvas.Rect, picture, bounds.Min, draw.Src)
	line := max(2, max(bounds.Dx(), bounds.Dy())/500)
	for _, a := range annotations {
		box := image.Rect(int(a.Rect.TopX), int(a.Rect.TopY), int(a.Rect.BottomX), int(a.Rect.BottomY))
		outline(canvas, box, line, a.Color)
	}
	for _, a := range annotations { // labels last, so that no box hides one
		drawLabel(canvas, int(a.Rect.TopX), int(a.Rect.TopY), a.Label, a.Color)
	}
	return (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(w, canvas)
}

func outline(canvas *image.RGBA, box image.Rectangle, line int, c color.RGBA) {
	fill := func(x0, y0, x1, y1 int) {
		draw.Draw(canvas, image.Rect(x0, y0, x1, y1), image.NewUniform(c), image.Point{}, draw.Src)
	}
	fill(box.Min.X, box.Min.Y, box.Max.X, box.Min.Y+line)
	fill(box.Min.X, box.Max.Y-line, box.Max.X, box.Max.Y)
	fill(box.Min.X, box.Min.Y, box.Min.X+line, box.Max.Y)
	fill(box.Max.X-line, box.Min.Y, box.Max.X, box.Max.Y)
}

// drawLabel writes text on a plate above the point, or below it at the top.
func drawLabel(canvas *image.RGBA, x, y int, text string, c color.RGBA) {
	face := basicfont.Face7x13
	width := font.MeasureString(face, text).Ceil() + 6
	top := y - face.Height - 3
	if top < 0 {
		top = y
	}
	x = max(0, min(x, canvas.Rect.Dx()-width))
	plate := image.Rect(x, top, x+width, top+face.Height+3)
	draw.Draw(canvas, plate, image.NewUniform(c), image.Point{}, draw.Src)
	ink := color.RGBA{255, 255, 255, 255}
	if 299*int(c.R)+587*int(c.G)+114*int(c.B) > 150_000 { // bright plate (ITU-R BT.601 luma)
		ink = color.RGBA{A: 255}
	}
	drawer := font.Drawer{
		Dst: canvas, Src: image.NewUniform(ink), Face: face,
		Dot: fixed.P(x+3, top+face.Ascent+2),
	}
	drawer.DrawString(text)
}
