package raster

import (
	"image"
	"sync"
)

// Picture is one picture as its file bytes plus, on demand, its pixels.
// It is safe for concurrent use and must not be changed.
type Picture struct {
	// Bytes is the file, upright: a file whose EXIF orientation turned it was
	// encoded again.
	Bytes  []byte
	Header Header

	gate Gate
	once sync.Once
	img  image.Image
	err  error
}

// Image decodes the pixels once and returns them, with the origin at 0,0, to
// every caller; nobody may change them. It blocks while the gate's memory
// budget is taken. Errors: fault.Invalid when the pixels are damaged.
func (p *Picture) Image() (image.Image, error) {
	p.once.Do(func() {
		if p.img == nil {
			p.img, p.err = p.gate.decode(p.Bytes, p.Header)
		}
		if p.err == nil {
			p.img = rebase(p.img)
		}
	})
	return p.img, p.err
}
