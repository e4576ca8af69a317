package raster

import (
	"bytes"

	"granary/internal/platform/fault"
)

// ParseDataURL splits a data URL at its first comma and decodes what follows
// as padded standard base64, in which white space is ignored. header is the
// text before the comma as it was sent; it is not judged, since clients label
// TIFF bytes as PNG and are served (nachet specification, section 3.7). The
// bytes are decoded in place: data aliases text, which is spoilt. Errors:
// fault.Invalid.
func ParseDataURL(text []byte) (header string, data []byte, err error) {
	head, encoded, found := bytes.Cut(text, []byte{','})
	if !found {
		return "", nil, fault.New(fault.Invalid, "the image is no data URL: it has no comma")
	}
	header = string(head[:min(len(head), maxHeader)])
	// Two searches for one byte each are many times faster than ContainsAny.
	if bytes.IndexByte(encoded, ' ') >= 0 || bytes.IndexByte(encoded, '\t') >= 0 {
		encoded = bytes.Map(func(r rune) rune {
			if r == ' ' || r == '\t' {
				return -1
			}
			return r
		}, encoded)
	}
	data, err = decodeBase64(encoded)
	if err != nil {
		return "", nil, fault.New(fault.Invalid, "the image is not base64: %w", err)
	}
	return header, data, nil
}

// maxHeader bounds what is kept of the text before the comma, in bytes.
const maxHeader = 256
