// Package watermarks is the built-in app "watermarks": it finds a watermark on
// the photograph of a sheet and looks it up in a collection. It owns the task,
// what counts as a watermark, and the files of a collection (a "source");
// descriptor owns what likeness is.
//
//	pipeline ─► strokes: what is fainter or darker than the paper around it
//	         ─► Detect: strokes grouped to boxes
//	         ─► Source: the collection's marks, described once ─► the best matches of each box
//	         ─► results/TID.json
//
// A collection is a folder sources/UID with metadata.json, index.json and
// images.zip; see Build for how to make one from pictures.
package watermarks
