// Package segment finds small objects that lie apart, or nearly so, on a plain
// ground: seeds, grains, insects, coins. It knows nothing of names.
//
//	picture ─► planes: reduced to about 0.8 MP, CIE Lab, row by row
//	       ─► ground: a smooth polynomial per channel, fitted to the border,
//	          then to everything that looks like it
//	       ─► distance of each pixel from the ground, threshold, cleaning
//	       ─► regions ─► shadows taken off, holes filled, touching ones split
//	       ─► objects: measured, specks and artefacts dropped, scored
//	       ─► boxes refined on the picture's own pixels
//
// The reduced copy bounds memory and time: only reading the pixels and the
// refinement of edges grow with the picture, both linearly.
//
// It does not find objects on a patterned ground, or objects heaped on each
// other; that needs a trained detector, which another engine can run.
package segment
