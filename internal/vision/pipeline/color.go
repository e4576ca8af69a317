package pipeline

import (
	"fmt"

	"granary/internal/platform/fault"
)

// ColorFormat is how a client wants colours written.
type ColorFormat string

// The colour formats; the empty one means hex.
const (
	Hex ColorFormat = "hex" // "#ED1C24"
	RGB ColorFormat = "rgb" // [237,28,36]
)

// ParseColorFormat returns the format that text names. Errors: fault.Invalid.
func ParseColorFormat(text string) (ColorFormat, error) {
	switch f := ColorFormat(text); f {
	case "":
		return Hex, nil
	case Hex, RGB:
		return f, nil
	}
	return "", fault.New(fault.Invalid, "unknown color format: %.40q", text)
}

// Color is the colour of a box in both forms that clients know.
type Color struct {
	// Hex is "#ED1C24"; shades beyond the palette are in lower case, as the
	// original system writes them.
	Hex string
	RGB [3]int
}

// In returns the value that a door puts into its answer: a string or [3]int.
func (c Color) In(format ColorFormat) any {
	if format == RGB {
		return c.RGB
	}
	return c.Hex
}

// paletteSize is the number of primary and light colours together.
const paletteSize = 18

// paletteEntry returns a colour of the palette of the nachet specification,
// section 4.4: nine primary ones, then nine light ones.
func paletteEntry(i int) Color {
	hex := [paletteSize]string{
		"#ED1C24", "#005AFF", "#57F287", "#664E88", "#EA871E", "#FFEB00", "#87633A", "#FF1493", "#676765",
		"#A6DAF4", "#FF7F7F", "#006F46", "#BD86D2", "#FCBF8D", "#DDD59D", "#BF8654", "#EAD0D6", "#CACACA",
	}[i]
	c := Color{Hex: hex}
	for j := range c.RGB {
		c.RGB[j] = int(hexDigit(hex[1+2*j])<<4 | hexDigit(hex[2+2*j]))
	}
	return c
}

func hexDigit(b byte) byte {
	if b >= 'A' {
		return b - 'A' + 10
	}
	return b - '0'
}

// colorAt returns the colour for box i. Beyond the palette each entry is the
// shade of the one 18 places before it.
func colorAt(i int) Color {
	c := paletteEntry(i % paletteSize)
	for range i / paletteSize {
		for j, v := range c.RGB {
			c.RGB[j] = v - int(0.36*float64(v))
		}
		c.Hex = fmt.Sprintf("#%02x%02x%02x", c.RGB[0], c.RGB[1], c.RGB[2])
	}
	return c
}
