// Package raster owns the image gate: the one place where picture bytes from
// outside are judged, opened, turned upright, cropped and made smaller.
//
//	bytes ─► Gate.Inspect   magic bytes, header walk, limits; nothing decoded
//	      ─► Gate.Open      Picture, upright
//	            ├► File              the file's bytes
//	            ├► Image, NRGBA      pixels, decoded once under a memory budget
//	            ├► Crop              a part of it, in the same format
//	            └► Thumbnail         a small JPEG
//	text  ─► ParseDataURL ─► Rules.Validate   the checks of /image-validation
//
// It does not store pictures, knows no models and writes no HTTP.
//
// A header walk reads only what it needs to know the size, the frame count and
// the orientation, never follows a pointer twice and allocates nothing that
// the file asks for. A file whose header promises more pixels than its data
// could ever hold is refused there, so that a few bytes cannot make a decoder
// reserve hundreds of megabytes.
package raster
