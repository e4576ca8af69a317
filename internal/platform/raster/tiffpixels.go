package raster

import (
	"bytes"
	"compress/zlib"
	"errors"
	"image"
	"io"

	"golang.org/x/image/tiff"
	"golang.org/x/image/tiff/lzw"
)

// tiffSlack is how much more than its pixels a block may unpack to: writers
// pad a little, a bomb is larger by far.
const tiffSlack = 1 << 20

// decodeTIFF decodes the first picture. The decoder takes the white runs of
// fax codes for white; by TIFF 6.0, section 10, they are zeros, and what zero
// looks like is the photometric interpretation's to say.
func decodeTIFF(data []byte) (image.Image, error) {
	pixels, err := tiff.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	gray, ok := pixels.(*image.Gray)
	if !ok {
		return pixels, nil
	}
	f, offset, err := newTIFFFile(data)
	if err != nil {
		return nil, err
	}
	fields, _, err := f.directory(offset)
	if err != nil {
		return nil, err
	}
	const g3, g4, blackIsZero = 3, 4, 1
	code := f.first(fields, tagCompression, 1)
	if (code == g3 || code == g4) && f.first(fields, tagPhotometric, 0) == blackIsZero {
		for i := range gray.Pix {
			gray.Pix[i] = ^gray.Pix[i]
		}
	}
	return gray, nil
}

// proveTIFF unpacks the compressed blocks into nothing and refuses a damaged
// one, one that yields more than its pixels need (the decoder would keep up to
// eight bytes a pixel of it), and a picture whose blocks yield too little.
func proveTIFF(data []byte) error {
	f, offset, err := newTIFFFile(data)
	if err != nil {
		return err
	}
	fields, _, err := f.directory(offset)
	if err != nil {
		return err
	}
	width, height := f.first(fields, tagWidth, 0), f.first(fields, tagHeight, 0)
	b, err := f.blocks(fields, Header{Width: int(width), Height: int(height)})
	if err != nil {
		return err
	}
	var total int64
	for i, count := range b.counts {
		n, err := b.unpack(data[b.offsets[i] : int64(b.offsets[i])+int64(count)])
		if err != nil {
			return err
		}
		total += n
	}
	if total < b.need {
		return errTruncated
	}
	return nil
}

// unpack returns how much a block yields. Blocks in other codes than LZW and
// deflate expand little and count as full.
func (b tiffBlocks) unpack(block []byte) (int64, error) {
	var unpacked io.ReadCloser
	switch b.compression {
	case 5:
		unpacked = lzw.NewReader(bytes.NewReader(block), lzw.MSB, 8)
	case 8, 32946:
		var err error
		if unpacked, err = zlib.NewReader(bytes.NewReader(block)); err != nil {
			return 0, err
		}
	default:
		return b.bytes, nil
	}
	n, err := io.Copy(io.Discard, io.LimitReader(unpacked, b.bytes+tiffSlack))
	if err == nil && n >= b.bytes+tiffSlack {
		err = errors.New("a strip or tile unpacks to more than its pixels")
	}
	return n, errors.Join(err, unpacked.Close())
}
