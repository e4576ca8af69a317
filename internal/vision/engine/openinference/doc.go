// Package openinference is the engine for model servers that speak the Open
// Inference Protocol, version 2, over HTTP: Triton, KServe, OpenVINO Model
// Server and others.
//
//	first call   GET v2/health/ready ─► GET v2 ─► GET v2/models/M
//	picture ─► resize, normalise ─► POST v2/models/M/infer ─► tensors
//	                                     boxes, scores, classes ─► detections
//	                                     scores                 ─► guesses
//
// What the tensors mean is declared in the pipeline, see Options. Tensors
// travel in binary when the server lists that extension, else as JSON.
// Connections, repeats and limits are package remote's.
package openinference
