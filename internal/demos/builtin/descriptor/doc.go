// Package descriptor owns what a picture looks like as one vector, and the
// search for the nearest of many vectors. It decodes no files, reads no data
// sets and writes no results.
//
//	image ─► Describer.Describe   histograms of gradients at two scales (Dalal and
//	                              Triggs 2005), colour, low frequencies of the
//	                              cosine transform (the "perceptual hash")
//	      ─► Describer.Turn       the vector of the turned picture, by moving
//	                              numbers: no picture is turned or decoded again
//	      ─► Space.Project        whitened on the data set itself, length 1
//	      ─► Nearest              the k nearest of each row, by cosine
//
// A vector of a turned picture is exactly the turned vector of the picture:
// cells are squares, orientation bins are centred on the axes and areas are
// summed without rounding to samples. A Space is made from a covariance that
// is averaged over all eight poses, so that it keeps this property and
// comparing two turned pictures is comparing one with the other's relative
// pose.
package descriptor
