// Package feature turns the crop of one object into the numbers that the
// classifier compares. The crop alone counts, not the picture around it, so
// that a crop gives the same numbers whether it was verified or is new.
//
//	crop ─► canvas: 96 pixels on the longer side, CIE Lab ─► segment.Isolate
//	     ─► shape    size, moments, hull, outline
//	     ─► colour   Lab statistics, hues, rim and core, contrast to the ground
//	     ─► texture  local binary patterns, gradients
//
// All but the first three are independent of the crop's resolution, and all
// but none of the object's orientation, up to the sampling of the pixels.
package feature
