// Package keypoint compares pictures by their parts: corners with a binary
// code of what is around them, matched between two pictures and kept where all
// of them agree on one geometry. It finds what moved, grew or turned within a
// picture, which one vector of the whole picture does not; it is slower, so
// that it looks only at pairs that are likely. It owns no files and no result
// documents.
//
//	grey picture ─► Finder.Find   corners (Harris) at four scales, orientation by
//	                              the centroid of shades, 256 comparisons of shades
//	                              in that orientation (ORB, Rublee et al. 2011)
//	two of them  ─► Compare       mutual nearest codes that pass the ratio test
//	                              (Lowe 2004) ─► a similarity by RANSAC, refined
//	                              to an affinity ─► how much of both it covers
//
// Rotations need no second look, and mirrored codes are made along with the
// plain ones, so that all eight poses are covered by one Find.
package keypoint
