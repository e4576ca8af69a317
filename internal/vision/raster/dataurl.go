package raster

import (
	"encoding/base64"
	"strings"

	"granary/internal/platform/fault"
)

// ParseDataURL splits a data URL at its first comma and decodes what follows
// as padded standard base64, in which white space is ignored. header is the
// text before the comma as it was sent; it is not judged, since clients label
// TIFF bytes as PNG and are served (nachet specification, section 3.7). The
// result is never longer than three quarters of s. Errors: fault.Invalid.
func ParseDataURL(s string) (header string, data []byte, err error) {
	header, encoded, found := strings.Cut(s, ",")
	if !found {
		return "", nil, fault.New(fault.Invalid, "the image is no data URL: it has no comma")
	}
	if strings.ContainsAny(encoded, " \t") {
		encoded = strings.Map(func(r rune) rune {
			if r == ' ' || r == '\t' {
				return -1
			}
			return r
		}, encoded)
	}
	// The decoder itself skips line breaks.
	data, err = base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return "", nil, fault.New(fault.Invalid, "the image is not base64: %w", err)
	}
	return header, data, nil
}
