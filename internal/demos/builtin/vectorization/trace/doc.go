// Package trace turns a grey picture of a line drawing into geometric
// primitives: lines, circles, circular arcs, cubic Bézier curves and filled
// outlines, and writes them as SVG. It owns no file, no dataset and no model.
//
//	plane.Gray ─► ink: paper level, ink level, coverage per pixel, mask
//	          ─► solids: what is no stroke ─► outline ─┐
//	          ─► skeleton ─► graph ─► refined edges    │
//	                         ─► chains across junctions┤
//	                                                   ├─► segmentation: line, arc, circle or curve
//	                                   Drawing ◄───────┘
//	                                      └─► SVG
//
// The skeleton only says what is connected; places and widths come from the
// coverage across the stroke, so they are finer than a pixel.
//
// Time and memory grow linearly with the picture. What is larger than
// MaxPixels is traced on a reduced copy and scaled back; no more than
// MaxSegments primitives come out, the largest components first.
package trace
