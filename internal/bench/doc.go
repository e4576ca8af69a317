// Package bench measures the built program against the figures that the
// project promises, in one run and on whatever machine it is started.
//
//	Vision ─► rows and pictures in temporary folders
//	        ├► child servers of the same binary ◄─ the bench process as client
//	        │         └► fake model endpoint, in the bench process
//	        └► built-in models, in the bench process
//	        ─► Report: a table beside the targets, or JSON
//
// Servers are black boxes that are spoken to over HTTP, as clients do. A
// figure is the median of several rounds; targets are printed beside the
// figures and never make a run fail, since a machine may be slow or busy.
package bench
