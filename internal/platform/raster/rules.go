package raster

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"image"
	"slices"
	"strings"

	scale "golang.org/x/image/draw"

	"granary/internal/platform/fault"
)

// maxQuotedHeader bounds how much of a header an error repeats.
const maxQuotedHeader = 100

// Rules are the checks of /image-validation (nachet specification, section 5).
// The zero value has the default limits.
type Rules struct {
	Gate Gate
	// MaxWidth and MaxHeight are in pixels; a picture is refused only when it
	// exceeds both. Default to 1920 and 1080; setting one alone sets none.
	MaxWidth, MaxHeight int
	// Extensions are the accepted subtypes. Defaults to jpeg, jpg, png, gif,
	// bmp, tiff and webp.
	Extensions []string
}

// Rule names one check.
type Rule string

// The checks, in the order in which they are made after the picture is opened.
const (
	RuleSize      Rule = "size"
	RuleResizable Rule = "resizable"
	RuleExtension Rule = "extension"
	RuleHeader    Rule = "header"
)

// RuleError says which check a picture broke. Its text is the one that
// existing clients know, without the door's prefix.
type RuleError struct {
	Rule Rule
	// Detail is "2000x2000", the subtype found or the header sent.
	Detail string
}

// Error returns, for example, "invalid file size: 2000x2000".
func (e *RuleError) Error() string {
	if e.Rule == RuleResizable {
		return "invalid file not resizable"
	}
	return "invalid file " + string(e.Rule) + ": " + e.Detail
}

// Unwrap makes the error one of kind fault.Invalid with the same text.
func (e *RuleError) Unwrap() error { return fault.New(fault.Invalid, "%s", e.Error()) }

// Validate checks the picture in a data URL and returns the SHA-256 of its
// bytes in hex. Errors: *RuleError for a broken rule; the errors of
// ParseDataURL and Gate.Open for what is no picture at all. The text is spoilt.
func (r Rules) Validate(dataURL []byte) (digest string, err error) {
	header, data, err := ParseDataURL(dataURL)
	if err != nil {
		return "", err
	}
	format := Sniff(data)
	if slices.Contains(otherPictures, format) || isXBitmap(format, data) {
		return "", &RuleError{RuleExtension, string(format)}
	}
	found, err := r.Gate.Inspect(data)
	if err != nil && cutShort(format, data, err) {
		return "", &RuleError{Rule: RuleResizable}
	}
	if err != nil {
		return "", err
	}
	maxWidth, maxHeight := r.MaxWidth, r.MaxHeight
	if maxWidth <= 0 || maxHeight <= 0 {
		maxWidth, maxHeight = 1920, 1080
	}
	if found.Width > maxWidth && found.Height > maxHeight {
		return "", &RuleError{RuleSize, fmt.Sprintf("%dx%d", found.Width, found.Height)}
	}
	if err := r.resize(data, found); err != nil {
		return "", err
	}
	extensions := r.Extensions
	if len(extensions) == 0 {
		extensions = []string{"jpeg", "jpg", "png", "gif", "bmp", "tiff", "webp"}
	}
	if !slices.Contains(extensions, string(format)) {
		return "", &RuleError{RuleExtension, string(format)}
	}
	if strings.ToLower(header) != "data:image/"+string(format)+";base64" {
		return "", &RuleError{RuleHeader, strings.ToValidUTF8(header[:min(len(header), maxQuotedHeader)], "")}
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}

// resize proves that the pixels can be decoded and made 100×150.
func (r Rules) resize(data []byte, header Header) error {
	pixels, err := r.Gate.withDefaults().decode(data, header)
	if err != nil {
		return &RuleError{Rule: RuleResizable}
	}
	dst := image.NewRGBA(image.Rect(0, 0, 100, 150))
	scale.NearestNeighbor.Scale(dst, dst.Rect, pixels, pixels.Bounds(), scale.Src, nil)
	return nil
}

// cutShort reports whether all that is wrong with a picture is a missing end:
// its header can be read, so that existing clients hear of the pixels.
func cutShort(format Format, data []byte, err error) bool {
	if !errors.Is(err, errTruncated) {
		return false
	}
	_, config := decoders(format)
	_, err = config(data)
	return err == nil
}

// isXBitmap tells an X bitmap from any other text: the first line defines its
// width.
func isXBitmap(format Format, data []byte) bool {
	line, _, _ := strings.Cut(string(data[:min(len(data), 200)]), "\n")
	return format == "plain" && strings.HasPrefix(line, "#define ") && strings.Contains(line, "_width ")
}
