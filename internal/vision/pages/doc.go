// Package pages is the vision service's part of the console: folders of
// pictures, one picture with its boxes to review, pipelines, models, seeds and
// exports. It decodes, calls the service under the visitor's principal and
// renders; who may do what is the service's decision alone.
//
//	console.Door ─► Section ─► Service (the vision service)
//	                      └─► thumbnails, made here and kept in a small cache
package pages
