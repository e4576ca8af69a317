// Package builtin is the engine that needs nothing else: a detector for small
// objects on a plain ground and a classifier that learns from the lab's own
// verified boxes, both in Go.
//
//	granary-detector    picture ─► segment.Find ─► boxes labelled "Unidentified"
//	granary-classifier  crop ─► Extract ─► the active Classifier ─► guesses
//
//	verified boxes ─► Extract ─► Example ─► Train ─► Classifier + Report
//	                                        Evaluate ─► Report of the one in use
//
// Until a Classifier is active, the classifier model answers no guesses, which
// tells a pipeline to keep the detection's own label and score.
//
// It stores nothing: examples, versions and the choice of the active version
// are the vision service's.
package builtin
