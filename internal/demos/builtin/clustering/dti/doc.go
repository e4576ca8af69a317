// Package dti groups pictures around prototypes that are aligned to each of
// them: K-means whose distance is that to the transformed prototype. It owns
// no file and no data set.
//
//	pictures ─► seeds: k-means++ under a bank of coarse poses, the best of some restarts
//	        ─► per stage of the curriculum (identity · affine · projective · tps), again and again:
//	             align the likeliest prototypes to each picture ─► assign it to the nearest
//	             move each prototype to the mean of its pictures, seen through their poses
//	             give up clusters that hold too little for a part of the largest
//	        ─► Result: prototypes, and for each picture its cluster, warp, colour and distances
//
// The model is that of T. Monnier, T. Groueix and M. Aubry, Deep
// Transformation-Invariant Clustering, NeurIPS 2020, with its curriculum from
// simple to rich transformations; the poses are found by search and
// Gauss–Newton steps in place of a trained network: B. Frey and N. Jojic,
// Transformation-invariant clustering using the EM algorithm, IEEE PAMI 25
// (2003); S. Baker and I. Matthews, Lucas–Kanade 20 years on, IJCV 56 (2004).
//
// Pictures are squares of Side pixels. Time grows with pictures × prototypes,
// memory with the pictures alone: 3 KB each, and a kilobyte for their poses.
// Equal input gives equal output.
package dti
