package segment

import (
	"context"
	"image"
)

const (
	// A sheet is a rectangle, even when it lies a little askew, that covers a
	// good part of the picture.
	sheetFill, sheetPart = 0.82, 0.3
	// plain is the most scatter, in Lab units, of a sheet's surface. The surface
	// of a seed that fills the picture has more.
	plain = 3.5
	// sheetEdge is how much of a sheet is left out along its edges, as a part
	// of its shorter side.
	sheetEdge = 0.03
)

// sheet tells whether object k may be a sheet of paper or a tray, with the
// objects on it, photographed with the table around.
func (r *result) sheet(k int) bool {
	o := &r.objects[k]
	part := (o.MaxX - o.MinX) * (o.MaxY - o.MinY) / (r.w * r.h)
	return part > sheetPart && o.Signs.Fill > sheetFill
}

// within searches a sheet. It returns nothing when the surface is not plain or
// what lies on it does not look like small objects: then the sheet is an
// object itself.
func within(ctx context.Context, img image.Image, sheet *Object) ([]Object, error) {
	whole, ok := img.(interface {
		SubImage(image.Rectangle) image.Image
	})
	if !ok {
		return nil, nil
	}
	edge := max(2, sheetEdge*min(sheet.MaxX-sheet.MinX, sheet.MaxY-sheet.MinY))
	box := image.Rect(int(sheet.MinX+edge), int(sheet.MinY+edge), int(sheet.MaxX-edge), int(sheet.MaxY-edge))
	found, err := search(ctx, whole.SubImage(box.Add(img.Bounds().Min)))
	if err != nil || found.noise > plain {
		return nil, err
	}
	var inner []Object
	covered := 0.0
	for _, o := range found.objects {
		// What the cut touches is the table beside a sheet that lies askew.
		if o.Signs.Border {
			continue
		}
		covered += (o.MaxX - o.MinX) * (o.MaxY - o.MinY)
		o.MinX, o.MaxX = o.MinX+float64(box.Min.X), o.MaxX+float64(box.Min.X)
		o.MinY, o.MaxY = o.MinY+float64(box.Min.Y), o.MaxY+float64(box.Min.Y)
		inner = append(inner, o)
	}
	if covered > 0.6*found.w*found.h {
		return nil, nil
	}
	return inner, nil
}
