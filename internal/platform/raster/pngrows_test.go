package raster

import (
	"bytes"
	stdzlib "compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"image/png"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// pngOfRows makes a PNG of rows that are filtered already, with its pixel data in
// chunks of 100 bytes at most.
func pngOfRows(t *testing.T, width, height int, colour byte, rows []byte) []byte {
	t.Helper()
	var packed bytes.Buffer
	w := stdzlib.NewWriter(&packed)
	if _, err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	file := []byte("\x89PNG\r\n\x1a\n")
	chunk := func(kind string, body []byte) {
		start := len(file) + 4
		file = append(append(binary.BigEndian.AppendUint32(file, uint32(len(body))), kind...), body...)
		file = binary.BigEndian.AppendUint32(file, crc32.ChecksumIEEE(file[start:]))
	}
	header := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(width)), uint32(height))
	chunk("IHDR", append(header, 8, colour, 0, 0, 0))
	for rest := packed.Bytes(); len(rest) > 0; rest = rest[min(100, len(rest)):] {
		chunk("IDAT", rest[:min(100, len(rest))])
	}
	chunk("IEND", nil)
	return file
}

func TestEveryFilterOfEveryKindIsUndone(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(5, 6))
	for colour, channels := range map[byte]int{0: 1, 2: 3, 6: 4} {
		for _, width := range []int{1, 2, 3, 17} {
			for filter := range 6 {
				const height = 4
				var rows []byte
				for range height {
					rows = append(rows, byte(filter))
					for range width * channels {
						rows = append(rows, byte(rng.Uint32()))
					}
				}
				file := pngOfRows(t, width, height, colour, rows)
				want, wantErr := png.Decode(bytes.NewReader(file))
				got, err := decodePlainPNG(file)
				if (err == nil) != (wantErr == nil) {
					t.Errorf("decodePlainPNG(colour %d, width %d, filter %d) = %v, want %v", colour, width, filter, err, wantErr)
					continue
				}
				if diff := cmp.Diff(want, got); err == nil && diff != "" {
					t.Errorf("decodePlainPNG(colour %d, width %d, filter %d): -want +got\n%.500s", colour, width, filter, diff)
				}
			}
		}
	}
}

func TestPaethIsTheStandardsOne(t *testing.T) {
	t.Parallel()
	distance := func(a, b int) int { return max(a-b, b-a) }
	for left := 0; left < 256; left += 3 {
		for up := 0; up < 256; up += 3 {
			for corner := range 256 {
				p := left + up - corner
				toLeft, toUp, toCorner := distance(p, left), distance(p, up), distance(p, corner)
				want := corner
				if toLeft <= toUp && toLeft <= toCorner {
					want = left
				} else if toUp <= toCorner {
					want = up
				}
				if got := paeth(left, up, corner); got != byte(want) {
					t.Fatalf("paeth(%d, %d, %d) = %d, want %d", left, up, corner, got, want)
				}
			}
		}
	}
}
