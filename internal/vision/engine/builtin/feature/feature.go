package feature

import (
	"fmt"
	"image"
	"slices"

	"granary/internal/vision/engine/builtin/segment"
)

// Version names what Extract measures. It changes whenever the numbers for a
// crop change, so that stored ones are known to be stale.
const Version = 1

const (
	shapeCount   = 12 + 7 + harmonics
	colourCount  = 15 + 1 + hues + 3 + 3
	textureCount = 3*patterns + 3 + directions
	// Count is how many numbers Extract returns.
	Count = shapeCount + colourCount + textureCount
)

// Sizes is how many of the first features depend on the crop's resolution.
const Sizes = 3

// Names returns the names of the features in Extract's order.
func Names() []string {
	names := []string{
		"log_area", "log_major", "log_minor", // crop pixels
		"elongation",     // minor by major axis of the moments' ellipse
		"solidity",       // area by hull's area
		"circularity",    // 4πA/P² (Cox 1927)
		"convexity",      // hull's perimeter by perimeter
		"rectangularity", // area by smallest rectangle's area
		"box_aspect",     // smallest rectangle's sides
		"radial_spread",  // deviation of the radius by its mean
		"skewness",       // third moment along the major axis: egg to symmetric
		"off_ellipse",    // share of the area outside the moments' ellipse
	}
	for i := range 7 {
		names = append(names, fmt.Sprintf("hu_%d", i+1))
	}
	for i := range harmonics {
		names = append(names, fmt.Sprintf("fourier_%d", i+2))
	}
	for _, c := range []string{"l", "a", "b"} {
		for _, s := range []string{"mean", "deviation", "p10", "p50", "p90"} {
			names = append(names, c+"_"+s)
		}
	}
	names = append(names, "chroma")
	for i := range hues {
		names = append(names, fmt.Sprintf("hue_%d", i))
	}
	names = append(names, "core_l", "core_a", "core_b", "contrast_l", "contrast_a", "contrast_b")
	for _, r := range []string{"fine", "middle", "coarse"} {
		for i := range patterns {
			names = append(names, fmt.Sprintf("lbp_%s_%d", r, i))
		}
	}
	names = append(names, "gradient_mean", "gradient_deviation", "gradient_strong")
	for i := range directions {
		names = append(names, fmt.Sprintf("direction_%d", i))
	}
	return slices.Clip(names)
}

// Extract measures the object that a crop shows. It takes about a millisecond
// whatever the crop's size. Every number is finite. The crop must have at
// least one pixel.
func Extract(crop image.Image) []float64 {
	c := newCanvas(crop)
	mask, ground, _ := segment.Isolate(c.l, c.a, c.b, c.w, c.h)
	m := newMoments(mask, c.w)
	out := make([]float64, 0, Count)
	out = append(out, shape(mask, c.w, c.h, c.zoom, &m)...)
	out = append(out, colour(c, mask, &m, ground)...)
	return append(out, texture(c, mask, &m)...)
}
