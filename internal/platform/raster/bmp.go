package raster

import (
	"encoding/binary"
	"math"
)

// walkBMP reads the file and information headers. Rows are not compressed in
// what the decoder supports, so the file must hold them all.
func walkBMP(data []byte, g Gate) (Header, error) {
	if len(data) < 30 {
		return Header{}, errTruncated
	}
	width := int64(int32(binary.LittleEndian.Uint32(data[18:])))
	height := int64(int32(binary.LittleEndian.Uint32(data[22:])))
	if height < 0 && height > math.MinInt32 { // rows run from the top
		height = -height
	}
	if err := g.checkSize(int(width), int(height)); err != nil {
		return Header{}, err
	}
	offset, bits := int64(binary.LittleEndian.Uint32(data[10:])), int64(binary.LittleEndian.Uint16(data[28:]))
	row := (width*bits + 31) / 32 * 4 // rows are padded to 32 bits
	if offset > int64(len(data)) || row*height > int64(len(data))-offset {
		return Header{}, errTruncated
	}
	return Header{Width: int(width), Height: int(height)}, nil
}
