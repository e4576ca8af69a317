package wire

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// ErrTooLong is a line beyond a reader's bound; what follows cannot be read.
var ErrTooLong = errors.New("line is too long")

// Reader splits a stream into lines without ever holding more than its bound.
type Reader struct {
	in   *bufio.Reader
	max  int
	long []byte // a line that did not fit the buffer
}

// NewReader returns a reader of lines of at most maxLine bytes.
func NewReader(in io.Reader, maxLine int) *Reader {
	return &Reader{in: bufio.NewReaderSize(in, 64<<10), max: maxLine}
}

// Next returns the next line that is not blank, without its line end. It is
// valid until the next call. Errors: io.EOF after the last line, which need
// not end in a line feed; ErrTooLong; the stream's.
func (r *Reader) Next() ([]byte, error) {
	for {
		line, err := r.in.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			line, err = r.gather(line)
		}
		if len(line) > r.max+2 { // the line end does not count
			return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLong, r.max)
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if line = bytes.TrimRight(line, "\r\n"); len(line) > r.max {
			return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLong, r.max)
		}
		if len(bytes.TrimSpace(line)) > 0 {
			return line, nil // a last line without a line feed; the next call answers io.EOF
		}
		if err != nil {
			return nil, err
		}
	}
}

// gather reads on until the line ends or grows beyond the bound.
func (r *Reader) gather(first []byte) ([]byte, error) {
	r.long = append(r.long[:0], first...)
	for {
		more, err := r.in.ReadSlice('\n')
		r.long = append(r.long, more...)
		if len(r.long) > r.max+2 || !errors.Is(err, bufio.ErrBufferFull) {
			return r.long, err
		}
	}
}
