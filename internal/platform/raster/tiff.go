package raster

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Tags of TIFF 6.0 that the gate reads.
const (
	tagWidth           = 256
	tagHeight          = 257
	tagBitsPerSample   = 258
	tagCompression     = 259
	tagPhotometric     = 262
	tagStripOffsets    = 273
	tagOrientation     = 274
	tagSamplesPerPixel = 277
	tagRowsPerStrip    = 278
	tagStripByteCounts = 279
	tagPlanarConfig    = 284
	tagTileWidth       = 322
	tagTileLength      = 323
	tagTileOffsets     = 324
	tagTileByteCounts  = 325
)

const (
	// maxTIFFEntries bounds the entries of one directory; writers use about 20.
	maxTIFFEntries = 512
	// maxTIFFBlocks bounds strips or tiles: each costs a decompressor.
	maxTIFFBlocks = 1 << 16
)

// tiffField is one directory entry: its type, count and the four value bytes.
type tiffField struct {
	kind  uint16
	count uint32
	value []byte
}

// tiffFile is a bounded reader of TIFF structure, also used for EXIF blocks.
type tiffFile struct {
	data  []byte
	order binary.ByteOrder
}

// newTIFFFile reads the byte order and returns the first directory's offset.
func newTIFFFile(data []byte) (tiffFile, uint32, error) {
	if len(data) < 8 {
		return tiffFile{}, 0, errTruncated
	}
	f := tiffFile{data: data}
	switch string(data[:4]) {
	case "II*\x00":
		f.order = binary.LittleEndian
	case "MM\x00*":
		f.order = binary.BigEndian
	default:
		return tiffFile{}, 0, errors.New("it has no TIFF header")
	}
	return f, f.order.Uint32(data[4:]), nil
}

// directory reads the entries at offset and the offset of the next directory.
func (f tiffFile) directory(offset uint32) (map[uint16]tiffField, uint32, error) {
	at := int64(offset)
	if at < 8 || at+2 > int64(len(f.data)) {
		return nil, 0, errTruncated
	}
	n := int64(f.order.Uint16(f.data[at:]))
	if n > maxTIFFEntries {
		return nil, 0, fmt.Errorf("a directory has more than %d entries", maxTIFFEntries)
	}
	at += 2
	if at+n*12 > int64(len(f.data)) {
		return nil, 0, errTruncated
	}
	fields := make(map[uint16]tiffField, n)
	for range n {
		entry := f.data[at : at+12]
		fields[f.order.Uint16(entry)] = tiffField{
			kind: f.order.Uint16(entry[2:]), count: f.order.Uint32(entry[4:]), value: entry[8:12],
		}
		at += 12
	}
	var next uint32
	if at+4 <= int64(len(f.data)) {
		next = f.order.Uint32(f.data[at:])
	}
	return fields, next, nil
}

// values reads up to limit unsigned integers of a field, or nil when it is
// absent, of another type or outside the file.
func (f tiffFile) values(field tiffField, limit uint32) []uint32 {
	width := map[uint16]int64{1: 1, 3: 2, 4: 4}[field.kind]
	n := int64(min(field.count, limit))
	if width == 0 || n == 0 {
		return nil
	}
	raw := field.value
	if int64(field.count)*width > 4 {
		at := int64(f.order.Uint32(field.value))
		if at+n*width > int64(len(f.data)) {
			return nil
		}
		raw = f.data[at : at+n*width]
	}
	out := make([]uint32, n)
	for i := range out {
		switch width {
		case 1:
			out[i] = uint32(raw[i])
		case 2:
			out[i] = uint32(f.order.Uint16(raw[2*i:]))
		case 4:
			out[i] = f.order.Uint32(raw[4*i:])
		}
	}
	return out
}

// first returns the first value of a tag, or fallback.
func (f tiffFile) first(fields map[uint16]tiffField, tag uint16, fallback int64) int64 {
	if v := f.values(fields[tag], 1); len(v) == 1 {
		return int64(v[0])
	}
	return fallback
}

// walkTIFF follows the chain of directories, refuses loops and judges the
// first picture's blocks before the decoder believes their declared sizes.
func walkTIFF(data []byte, g Gate) (Header, error) {
	f, offset, err := newTIFFFile(data)
	if err != nil {
		return Header{}, err
	}
	var header Header
	seen := map[uint32]bool{}
	for offset != 0 {
		if seen[offset] {
			return Header{}, errors.New("its directories form a loop")
		}
		seen[offset] = true
		if err := g.checkFrames(len(seen)); err != nil {
			return Header{}, err
		}
		fields, next, err := f.directory(offset)
		if err != nil {
			return Header{}, err
		}
		if len(seen) == 1 {
			header.Width = int(f.first(fields, tagWidth, 0))
			header.Height = int(f.first(fields, tagHeight, 0))
			header.Orientation = int(f.first(fields, tagOrientation, 1))
			if err := g.checkSize(header.Width, header.Height); err != nil {
				return Header{}, err
			}
			if _, err := f.blocks(fields, header); err != nil {
				return Header{}, err
			}
		}
		offset = next
	}
	header.Frames = len(seen)
	return header, nil
}

// tiffBlocks is the layout of the strips or tiles of one picture.
type tiffBlocks struct {
	offsets, counts []uint32
	compression     int64
	// bytes is what one block holds when unpacked, need what the picture does.
	bytes, need int64
}

// blocks reads and checks the layout of the picture's strips or tiles.
func (f tiffFile) blocks(fields map[uint16]tiffField, header Header) (tiffBlocks, error) {
	width, height := int64(header.Width), int64(header.Height)
	bits := f.values(fields[tagBitsPerSample], 16)
	samples := max(f.first(fields, tagSamplesPerPixel, 1), int64(len(bits)))
	depth := int64(1)
	for _, b := range bits {
		depth = max(depth, int64(b))
	}
	switch {
	case depth > 16 || samples > 4:
		return tiffBlocks{}, fmt.Errorf("%d samples of %d bits are not supported", samples, depth)
	case samples > 1 && f.first(fields, tagPlanarConfig, 1) != 1:
		// The decoder ignores this tag and would return a garbled picture.
		return tiffBlocks{}, errors.New("separate colour planes are not supported")
	}
	rows := f.first(fields, tagRowsPerStrip, height)
	if rows <= 0 || rows > height {
		rows = height
	}
	blockWidth, blockHeight := width, rows
	offsets, counts := fields[tagStripOffsets], fields[tagStripByteCounts]
	if tile := f.first(fields, tagTileWidth, 0); tile != 0 {
		blockWidth, blockHeight = tile, f.first(fields, tagTileLength, 0)
		if blockHeight <= 0 || blockWidth > width+1024 || blockHeight > height+1024 {
			return tiffBlocks{}, errors.New("its tiles are larger than the picture")
		}
		offsets, counts = fields[tagTileOffsets], fields[tagTileByteCounts]
	}
	n := ((width + blockWidth - 1) / blockWidth) * ((height + blockHeight - 1) / blockHeight)
	if n > maxTIFFBlocks {
		return tiffBlocks{}, fmt.Errorf("it has more than %d strips or tiles", maxTIFFBlocks)
	}
	b := tiffBlocks{
		offsets: f.values(offsets, uint32(n)), counts: f.values(counts, uint32(n)),
		compression: f.first(fields, tagCompression, 1),
		bytes:       (blockWidth*samples*depth + 7) / 8 * blockHeight,
		need:        (width*samples*depth + 7) / 8 * height,
	}
	if int64(len(b.offsets)) < n || int64(len(b.counts)) < n {
		return tiffBlocks{}, errTruncated
	}
	return b, f.checkBlocks(b)
}

// checkBlocks refuses blocks outside the file, blocks that share their bytes
// over and over, and less data than the pixels need at the best ratio.
func (f tiffFile) checkBlocks(b tiffBlocks) error {
	var total int64
	for i, count := range b.counts {
		if int64(b.offsets[i])+int64(count) > int64(len(f.data)) {
			return errTruncated
		}
		total += int64(count)
	}
	if total > 2*int64(len(f.data)) {
		return errors.New("its strips or tiles overlap")
	}
	var ratio int64
	switch b.compression {
	case 0, 1:
		ratio = 1
	case 5: // LZW: a 12-bit code stands for at most 4096 bytes
		ratio = 4096
	case 32773: // PackBits: two bytes for 128
		ratio = 64
	case 8, 32946:
		ratio = deflateRatio
	case 3, 4: // CCITT writes a white row in one bit; 30,000 pixels at most
		ratio = 30_000
	default:
		return fmt.Errorf("its compression %d is not supported", b.compression)
	}
	if total*ratio < b.need {
		return errTruncated
	}
	return nil
}
