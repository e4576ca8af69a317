package raster

import "image"

// Stored inspects data and decodes its first frame as it is stored, with the
// origin at 0,0: an EXIF orientation does not turn it, for boxes that others
// measured on the stored picture. It blocks while the gate's memory budget is
// taken. Errors: as Inspect, and fault.Invalid when the pixels are damaged.
func (g Gate) Stored(data []byte) (image.Image, error) {
	header, err := g.Inspect(data)
	if err != nil {
		return nil, err
	}
	pixels, err := g.decode(data, header)
	if err != nil {
		return nil, err
	}
	return rebase(pixels), nil
}
