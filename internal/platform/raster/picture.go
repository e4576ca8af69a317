package raster

import (
	"fmt"
	"image"
	"sync"
)

// Picture is one upright picture: as the bytes of a file, as pixels, each made
// from the other when first asked for. A Gate makes it. It is safe for
// concurrent use.
type Picture struct {
	Header Header

	gate Gate

	decoding sync.Once
	img      image.Image
	imgErr   error

	encoding sync.Once
	file     []byte
	fileErr  error
}

// File returns the bytes of the picture's file; nobody may change them. A
// picture that came as an upright file is that very file; a turned one and a
// crop are encoded at the first call, in Header.Format.
func (p *Picture) File() ([]byte, error) {
	p.encoding.Do(func() {
		if p.file == nil {
			if p.file, p.fileErr = encode(p.img, p.Header.Format); p.fileErr != nil {
				p.fileErr = fmt.Errorf("encode %s picture: %w", p.Header.Format, p.fileErr)
			}
		}
	})
	return p.file, p.fileErr
}

// Image decodes the pixels once and returns them, with the origin at 0,0, to
// every caller; nobody may change them. It blocks while the gate's memory
// budget is taken. Errors: fault.Invalid when the pixels are damaged.
func (p *Picture) Image() (image.Image, error) {
	p.decoding.Do(func() {
		if p.img == nil {
			p.img, p.imgErr = p.gate.decode(p.file, p.Header)
		}
	})
	return p.img, p.imgErr
}
