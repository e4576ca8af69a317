// Package guest is the worker's side of the worker protocol in Go: a program
// that calls Serve does jobs for a host (package worker) that started it.
//
//	Serve ─► ready
//	job ─► Task(ctx, *Job) ─► lines, bars, events ─► result | failed
//	cancel ─► the task's context ends
//	exit, end of input ─► Serve returns
//
// Standard output belongs to the protocol; a program that wants to print does
// so on standard error.
package guest
