// Package layout finds figures, text lines and characters on the picture of a
// page, without a trained model. It owns no file, no data set and no output
// format.
//
//	plane.Gray ─► shrunk to about 1,250 pixels
//	          ─► paper level ─► ink (Sauvola) ─► parts: connected pixels
//	          ─► character height ─► skew ─► level bounds of each part
//	          ─► dots (halftone) · lines (text) · tone (photographs) · large parts (drawings)
//	          ─► groups of what is no text ─► Page{Figures, Lines, Characters}
//
// Parts carry two bounds: those in the picture, which are reported, and those
// on the page turned level, which decide what belongs together. So no pixel
// is resampled to remove the skew.
//
// Time and memory grow linearly with the picture while it is shrunk, and are
// bounded by maxParts afterwards.
package layout
