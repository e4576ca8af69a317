// Package similarity is the built-in app "similarity": it finds pictures that
// look alike within and across the documents of a data set. It owns the task
// and the result documents of the wire format; descriptor and keypoint own
// what likeness is, gallery the reading of pictures.
//
//	compute_similarity ─► gallery.Look ─► for each pair of documents:
//	        cosine    descriptor.Nearest: the best matches of each picture
//	        segswap   … re-ranked by keypoint.Compare
//	     ─► results/EID/ALGORITHM-UIDA-UIDB.json, PROGRESS
//	     ─► results/EID/DSUID-scores.json, the result
//
// Whatever model a task names, pictures are compared by the built-in
// descriptor; the name is kept in the results.
package similarity
