package raster

import (
	"bytes"
	"net/http"
	"strings"
)

// Format is the subtype of a media type, as found from magic bytes: "png" of
// "image/png", "plain" of "text/plain". Only the constants can be opened.
type Format string

// The formats that a Gate opens.
const (
	JPEG Format = "jpeg"
	PNG  Format = "png"
	GIF  Format = "gif"
	BMP  Format = "bmp"
	TIFF Format = "tiff"
	WebP Format = "webp"
)

// magics lists what is told apart by its first bytes. The formats without a
// decoder are here because an answer to a user names what was found.
var magics = []struct {
	prefix string
	format Format
}{
	{"\xff\xd8\xff", JPEG},
	{"\x89PNG\r\n\x1a\n", PNG},
	{"GIF87a", GIF},
	{"GIF89a", GIF},
	{"BM", BMP},
	{"II*\x00", TIFF},
	{"MM\x00*", TIFF},
	{"P1\n", "x-portable-bitmap"},
	{"P1 ", "x-portable-bitmap"},
	{"P4\n", "x-portable-bitmap"},
	{"P4 ", "x-portable-bitmap"},
	{"P2\n", "x-portable-greymap"},
	{"P2 ", "x-portable-greymap"},
	{"P5\n", "x-portable-greymap"},
	{"P5 ", "x-portable-greymap"},
	{"P3\n", "x-portable-pixmap"},
	{"P3 ", "x-portable-pixmap"},
	{"P6\n", "x-portable-pixmap"},
	{"P6 ", "x-portable-pixmap"},
	{"8BPS", "vnd.adobe.photoshop"},
	{"\x00\x00\x01\x00", "vnd.microsoft.icon"},
	{"\x00\x00\x00\x0cjP  \r\n\x87\n", "jp2"},
	{"DDS ", "x-dds"},
	{"icns", "x-icns"},
	{"#define ", "plain"}, // X bitmaps are C source text
}

// otherPictures are the formats that are pictures although no gate opens them.
var otherPictures = []Format{
	"x-portable-bitmap", "x-portable-greymap", "x-portable-pixmap",
	"vnd.adobe.photoshop", "vnd.microsoft.icon", "jp2", "x-dds", "x-icns", "heic", "avif",
}

// Sniff names the format of data from its first bytes; its declared type is
// never looked at. It returns "octet-stream" for bytes it does not know.
func Sniff(data []byte) Format {
	for _, m := range magics {
		if bytes.HasPrefix(data, []byte(m.prefix)) {
			return m.format
		}
	}
	if len(data) >= 12 {
		switch {
		case string(data[:4]) == "RIFF" && string(data[8:12]) == "WEBP":
			return WebP
		case string(data[4:8]) == "ftyp" && (string(data[8:12]) == "heic" || string(data[8:12]) == "mif1"):
			return "heic"
		case string(data[4:12]) == "ftypavif":
			return "avif"
		}
	}
	mediaType, _, _ := strings.Cut(http.DetectContentType(data), ";")
	_, subtype, _ := strings.Cut(mediaType, "/")
	return Format(subtype)
}
