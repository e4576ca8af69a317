package descriptor

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"

	"granary/internal/platform/fault"
)

// Collection is pictures that others are looked up in: their unit vectors and
// the space that they lie in. A file of one is a line that names the format,
// a line of JSON with what the caller wants to keep, numbers (float32, little
// endian) and the SHA-256 of all before.
type Collection struct {
	Space *Space
	Rows  Rows
}

// collectionFormat is the first line of a file.
const collectionFormat = "granary collection 1\n"

// Bounds of a file.
const (
	maxHeader = 256 << 20
	// maxNumbers is that of a million pictures.
	maxNumbers = (1_000_000 + Size) * MaxDim
)

// header is the line of JSON.
type header struct {
	// Dim and Learnt describe the space, Vectors counts the pictures.
	Dim     int  `json:"dim"`
	Learnt  bool `json:"learnt"`
	Vectors int  `json:"vectors"`
	// Kept is the caller's.
	Kept json.RawMessage `json:"kept"`
}

// Write writes c with kept, which must encode as JSON.
func (c *Collection) Write(out io.Writer, kept any) error {
	text, err := json.Marshal(kept)
	if err != nil {
		return fmt.Errorf("encode collection: %w", err)
	}
	line, err := json.Marshal(header{Dim: c.Space.Dim, Learnt: len(c.Space.Basis) > 0, Vectors: c.Rows.Len(), Kept: text})
	if err != nil {
		return fmt.Errorf("encode collection: %w", err)
	}
	sum := sha256.New()
	buffered := bufio.NewWriter(out)
	both := io.MultiWriter(buffered, sum)
	if _, err := both.Write(append(append([]byte(collectionFormat), line...), '\n')); err != nil {
		return fmt.Errorf("write collection: %w", err)
	}
	for _, numbers := range [][]float32{c.Space.Mean, c.Space.Basis, c.Rows.Data} {
		if err := binary.Write(both, binary.LittleEndian, numbers); err != nil {
			return fmt.Errorf("write collection: %w", err)
		}
	}
	if _, err := buffered.Write(sum.Sum(nil)); err != nil {
		return fmt.Errorf("write collection: %w", err)
	}
	return buffered.Flush()
}

// Read reads what Write wrote and decodes what was kept into kept. Errors:
// fault.Invalid for another format or a damaged file.
func Read(in io.Reader, kept any) (*Collection, error) {
	r := &collectionReader{in: bufio.NewReaderSize(in, 1<<16), sum: sha256.New()}
	h, err := r.header()
	if err != nil {
		return nil, err
	}
	c := &Collection{Space: &Space{Dim: h.Dim}, Rows: Rows{Dim: h.Dim}}
	if h.Learnt {
		c.Space.Mean, c.Space.Basis = r.numbers(Size), r.numbers(h.Dim*Size)
	}
	c.Rows.Data = r.numbers(h.Vectors * h.Dim)
	r.end()
	if r.err == nil {
		r.err = c.Space.Check()
	}
	if r.err == nil {
		r.err = json.Unmarshal(h.Kept, kept)
	}
	if r.err != nil {
		return nil, fault.New(fault.Invalid, "the collection is damaged: %w", r.err)
	}
	return c, nil
}

// collectionReader keeps the first error.
type collectionReader struct {
	in  *bufio.Reader
	sum hash.Hash
	err error
}

func (r *collectionReader) header() (header, error) {
	var h header
	first := make([]byte, len(collectionFormat))
	if _, err := io.ReadFull(r.in, first); err != nil || string(first) != collectionFormat {
		return h, fault.New(fault.Invalid, "the file is no collection of this version")
	}
	line, err := r.line()
	if err == nil {
		err = json.Unmarshal(line, &h)
	}
	if err == nil && (h.Dim < 1 || h.Dim > Size || h.Vectors < 0 || h.Vectors > maxNumbers/h.Dim) {
		err = fmt.Errorf("%d vectors of %d numbers", h.Vectors, h.Dim)
	}
	if err != nil {
		return h, fault.New(fault.Invalid, "the collection is damaged: %w", err)
	}
	r.sum.Write(first)
	r.sum.Write(line)
	return h, nil
}

// line reads the line of JSON, a bounded piece at a time.
func (r *collectionReader) line() ([]byte, error) {
	var line []byte
	for len(line) < maxHeader {
		piece, err := r.in.ReadSlice('\n')
		line = append(line, piece...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
	return nil, errors.New("the header is too long")
}

// numbers reads n numbers, allocating only for those that are there: a header
// may promise more than the file has.
func (r *collectionReader) numbers(n int) []float32 {
	var out []float32
	var piece [4096]byte
	for len(out) < n && r.err == nil {
		part := piece[:min(len(piece), 4*(n-len(out)))]
		if _, r.err = io.ReadFull(r.in, part); r.err != nil {
			return nil
		}
		r.sum.Write(part)
		for ; len(part) > 0; part = part[4:] {
			v := math.Float32frombits(binary.LittleEndian.Uint32(part))
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				r.err = errors.New("a number is not finite")
				return nil
			}
			out = append(out, v)
		}
	}
	return out
}

func (r *collectionReader) end() {
	if r.err != nil {
		return
	}
	var want [sha256.Size]byte
	if _, r.err = io.ReadFull(r.in, want[:]); r.err == nil && !bytes.Equal(want[:], r.sum.Sum(nil)) {
		r.err = errors.New("the digest is another one")
	}
}

// Find returns the k nearest of the collection to each of raw, vectors as
// described, in the relative poses of relations: A is of the collection, B of
// raw.
func (c *Collection) Find(ctx context.Context, d *Describer, raw []float32, relations []Relation, k int) ([][]Match, error) {
	posed := make([]Rows, len(relations))
	turned := make([]float32, Size)
	n := len(raw) / Size
	for r, relation := range relations {
		posed[r] = NewRows(n, c.Space.Dim)
		for i := range n {
			d.Turn(turned, raw[i*Size:(i+1)*Size], relation.Pose)
			c.Space.Project(posed[r].Row(i), turned)
		}
	}
	_, ofB, err := Nearest(ctx, c.Rows, posed, k)
	return ofB, err
}
