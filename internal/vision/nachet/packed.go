package nachet

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/errgroup"

	"granary/internal/vision"
)

const (
	// manyPictures is how many pictures make a list worth keeping compressed.
	// The platform compresses a smaller one in a moment.
	manyPictures = 1000
	// maxPacked bounds the compressed folders in memory, in bytes. A folder of
	// a hundred pictures takes about two thousand.
	maxPacked = 32 << 20
	// sendPiece is how much of a compressed list is written at once, in bytes.
	sendPiece = 64 << 10
	// packAtOnce is how many folders are compressed before they are sent.
	packAtOnce = 128
	// zstdWindow is how far back a frame refers, in bytes: far below the 8 MB
	// that every client must allow (RFC 9659, section 3).
	zstdWindow = 256 << 10
)

// gzipHeader begins a gzip member: deflate, no name, no time (RFC 1952,
// section 2.3). deflateEnd is an empty last block (RFC 1951, section 3.2.6).
const (
	gzipHeader = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
	deflateEnd = "\x03\x00"
)

// packedList sends a folder list whose folders are compressed one by one, and
// only when they changed: compressing all of a large account's list takes
// longer than everything else about it.
//
// For gzip the pieces are runs of deflate blocks that refer to nothing before
// them, joined to one member, since browsers stop after the first one. For
// zstd each piece is a frame (RFC 8878, section 3); since not every browser is
// known to read on after the first, gzip goes first where both are welcome.
type packedList struct {
	folderList
	coding  string // gzip or zstd
	folders *packedFolders
}

var _ streamed = packedList{}

func (l packedList) encoding() string { return l.coding }

// packed is a compressed part of a list.
type packed struct {
	revision int64
	name     string
	first    bool
	data     []byte
	sum      checksum
	shift    uint32 // of sum
}

// packedFolders remembers compressed folders. Safe for concurrent use.
type packedFolders struct {
	mu      sync.Mutex
	entries map[packedKey]packed
	size    int
	packers map[string]*sync.Pool // of *packer, by coding; never changes
}

type packedKey struct{ setID, coding string }

func newPackedFolders() *packedFolders {
	return &packedFolders{entries: map[packedKey]packed{}, packers: map[string]*sync.Pool{"gzip": {}, "zstd": {}}}
}

// writeTo sends the list. Folders to compress are spread over the processors,
// and what is made goes out before more is made.
func (l packedList) writeTo(w io.Writer) error {
	out := bufio.NewWriterSize(w, sendPiece)
	if l.coding == "gzip" {
		out.WriteString(gzipHeader) //nolint:errcheck // Flush repeats it
	}
	var all checksum
	send := func(part packed) error {
		all = all.then(part.sum, part.shift)
		_, err := out.Write(part.data)
		return err
	}
	begin, err := l.folders.text(l.coding, l.before+"[")
	if err != nil {
		return err
	}
	end, err := l.folders.text(l.coding, "]"+l.after)
	if err != nil {
		return err
	}
	if err := send(begin); err != nil {
		return err
	}
	parts := make([]packed, min(packAtOnce, len(l.listings)))
	for from := 0; from < len(l.listings); from += len(parts) {
		parts = parts[:min(len(parts), len(l.listings)-from)]
		if err := l.folders.fill(parts, l.listings[from:], l.coding, from == 0); err != nil {
			return err
		}
		for i := range parts {
			if err := send(parts[i]); err != nil {
				return err
			}
		}
	}
	if err := send(end); err != nil {
		return err
	}
	if l.coding == "gzip" {
		tail := binary.LittleEndian.AppendUint32([]byte(deflateEnd), all.crc)
		tail = binary.LittleEndian.AppendUint32(tail, uint32(all.size)) // modulo 2^32, as it is meant
		out.Write(tail)                                                 //nolint:errcheck // Flush repeats it
	}
	return out.Flush()
}

// fill compresses the folders that parts has room for, those that did not
// change from memory. The first folder of a list has no comma before it.
func (c *packedFolders) fill(parts []packed, listings []vision.Listing, coding string, first bool) error {
	var changed []int
	c.mu.Lock()
	for i := range parts {
		l := &listings[i]
		known, ok := c.entries[packedKey{l.ID, coding}]
		if !ok || known.revision != l.Revision || known.name != l.Name || known.first != (first && i == 0) {
			changed = append(changed, i)
			continue
		}
		parts[i] = known
	}
	c.mu.Unlock()
	var next atomic.Int64
	var group errgroup.Group
	for range min(runtime.GOMAXPROCS(0), len(changed)) {
		group.Go(func() error {
			p, err := c.packer(coding)
			if err != nil {
				return err
			}
			defer c.packers[coding].Put(p)
			for n := next.Add(1) - 1; n < int64(len(changed)); n = next.Add(1) - 1 {
				i := changed[n]
				l := &listings[i]
				if parts[i], err = p.folder(l, first && i == 0); err != nil {
					return fmt.Errorf("compress folder %s: %w", l.ID, err)
				}
				c.keep(packedKey{l.ID, coding}, parts[i])
			}
			return nil
		})
	}
	return group.Wait()
}

func (c *packedFolders) text(coding, s string) (packed, error) {
	p, err := c.packer(coding)
	if err != nil {
		return packed{}, err
	}
	defer c.packers[coding].Put(p)
	p.text = append(p.text[:0], s...)
	return p.pack(func(w io.Writer) error {
		_, err := w.Write(p.text)
		return err
	})
}

func (c *packedFolders) keep(key packedKey, fresh packed) {
	if len(fresh.data) > maxPacked {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if old, ok := c.entries[key]; ok {
		if old.revision > fresh.revision {
			return
		}
		c.drop(key, old)
	}
	for other, entry := range c.entries { // any entry will do: all are cheap to make again
		if c.size+len(fresh.data) <= maxPacked {
			break
		}
		c.drop(other, entry)
	}
	c.entries[key] = fresh
	c.size += len(fresh.data)
}

// drop forgets a folder. The caller holds mu.
func (c *packedFolders) drop(key packedKey, entry packed) {
	c.size -= len(entry.data)
	delete(c.entries, key)
}

// packer compresses parts, one after the other.
type packer struct {
	encoder interface {
		io.WriteCloser
		Reset(w io.Writer)
		Flush() error
	}
	end  func() error // of a part
	text []byte       // room for a piece of a folder
	out  bytes.Buffer
}

// packer returns one for the coding. An encoder has tables of a megabyte, so
// that they are used again.
func (c *packedFolders) packer(coding string) (*packer, error) {
	if p, ok := c.packers[coding].Get().(*packer); ok {
		return p, nil
	}
	if coding == "gzip" {
		encoder, err := flate.NewWriter(io.Discard, flate.BestSpeed)
		return &packer{encoder: encoder, end: encoder.Flush}, err // blocks that end on a byte, none of them the last
	}
	encoder, err := zstd.NewWriter(io.Discard, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(zstdWindow), zstd.WithEncoderCRC(false))
	return &packer{encoder: encoder, end: encoder.Close}, err // a frame
}

func (p *packer) folder(l *vision.Listing, first bool) (packed, error) {
	part, err := p.pack(func(w io.Writer) (err error) {
		p.text = p.text[:0]
		if !first {
			p.text = append(p.text, ',')
		}
		if p.text, err = writeFolder(w, p.text, l); err != nil {
			return err
		}
		_, err = w.Write(p.text)
		return err
	})
	part.revision, part.name, part.first = l.Revision, l.Name, first
	return part, err
}

// pack compresses what write writes so that it needs nothing before it.
func (p *packer) pack(write func(io.Writer) error) (packed, error) {
	var part packed
	p.out.Reset()
	p.encoder.Reset(&p.out)
	err := write(io.MultiWriter(p.encoder, &part.sum))
	if err == nil {
		err = p.end()
	}
	part.data = bytes.Clone(p.out.Bytes()) // to its size: it is kept
	part.shift = part.sum.shift()
	return part, err
}

// coding chooses how to compress for an Accept-Encoding header (RFC 9110,
// section 12.5.3): gzip, zstd or, where neither is welcome, "".
func coding(accepted []string) string {
	weights := map[string]float64{}
	for part := range strings.SplitSeq(strings.Join(accepted, ","), ",") {
		name, params, weighted := strings.Cut(part, ";")
		weight := 1.0
		if weighted {
			value, ok := strings.CutPrefix(strings.ToLower(strings.TrimSpace(params)), "q=")
			var err error
			if weight, err = strconv.ParseFloat(value, 64); !ok || err != nil {
				continue
			}
		}
		weights[strings.ToLower(strings.TrimSpace(name))] = weight
	}
	switch gzip, zstd := weights["gzip"], weights["zstd"]; {
	case gzip > 0 && gzip >= zstd:
		return "gzip"
	case zstd > 0:
		return "zstd"
	}
	return ""
}
