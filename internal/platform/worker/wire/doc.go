// Package wire owns the words of the worker protocol, version 1: JSON objects,
// one a line, UTF-8, on a worker's standard input and output. It knows their
// form and their bounds; what follows from them is the host's (package worker)
// and the guest's (package guest).
//
//	host  ── Order ──►  worker    job, cancel, exit
//	host ◄── Report ──  worker    ready, info, warning, error, progress, event, result, failed
//
// docs/worker-protocol.md is the reference for workers in other languages.
package wire
