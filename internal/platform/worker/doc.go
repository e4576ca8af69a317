// Package worker is the host of worker processes: programs in any language
// that do jobs and speak the worker protocol (docs/worker-protocol.md) on
// their standard input and output.
//
//	Pool.Run ─► a place ─► idle worker, or a new process ─► ready
//	         ─► job ─► lines, bars, events to the Sink ─► result | failed
//	         ─► warm: kept for the next job; oneshot: told to exit
//
// It owns the processes: their environment, folders, limits and their end. A
// worker is a process group of its own; when its leader ends, however it
// ends, the rest of the group and whatever else carries its mark is killed.
// It keeps no rows and publishes nothing: what a job's words mean is its
// caller's business. A worker is trusted with what its user may do; the
// bounds here contain accidents, not an enemy.
//
// The other side in Go is package guest; the messages are package wire's.
package worker
