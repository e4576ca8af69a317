// Package demos queues jobs over image data sets for front ends of others:
// region extraction, similarity, vectorization, clustering, watermarks, search
// and whatever app a lab adds. It owns the tasks, their published results and
// the running of an app's worker; it does not own the queue (platform/jobs),
// the documents (demos/dataset), the process (platform/worker) or any wire
// format (the doors).
//
//	Start ──► task + documents + job, one transaction ──► answer
//	                                   │
//	job ─► documents prepared ─► private view of the data folder ─► worker
//	         lines, bars ◄── job journal                             │ event: files published + callback queued
//	                                                                 ▼ result: files, output, final callback, job done:
//	                                                                   one transaction of the live attempt
//	Cancel ──► task cancelled, callbacks silenced ──► job cancelled
//
// A worker sees the folders that an existing tree of tasks expects, but a copy
// of its own: what a dead attempt wrote is never seen by anybody.
package demos
