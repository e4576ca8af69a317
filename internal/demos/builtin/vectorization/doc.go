// Package vectorization is the built-in app that turns line drawings into SVG.
// It owns the task and its result files; how a picture is traced is package
// trace's, and the worker protocol is package guest's.
//
//	job ─► dataset.OpenView ─► per document, some pictures at a time:
//	    decode ─► trace ─► results/UID/STEM.svg
//	                   └─► results/UID/UID.zip ─► PROGRESS
//	    ─► {dataset_url, results_url, error}
//
// A picture that cannot be read is warned of and left out, a document without
// pictures is told in an ERROR event that does not end the task.
package vectorization
