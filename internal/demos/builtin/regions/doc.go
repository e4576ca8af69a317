// Package regions is the built-in app that finds things on page images. It owns
// the task, what each model of its list looks for, how boxes are widened, and
// the annotation files; package layout owns how a page is read.
//
//	job ─► dataset.OpenView ─► per document, some pictures at a time:
//	    decode ─► model: figures, drawings, lines, characters or watermarks
//	           ─► widened, clipped ─► Annotation
//	    ─► shared/documents/TYPE/UID/annotations/MODEL+EXPERIMENT.json ─► PROGRESS
//	─► {dataset_url, annotations, results_url, error} ─► results/EXPERIMENT.json
//
// A picture that cannot be read has an entry without boxes, since front ends
// count pages by the entries; a document without any is told of in error.
package regions
