// Package pages is the demos service's part of the console: the installed
// apps, a form to start each, the tasks of front ends and of the console, and
// what a task found, drawn over the pictures that it worked on. It decodes,
// calls the service under the visitor's principal and renders; who may do what
// is the service's decision alone.
//
//	console.Door ─► Section ─► Service (the demos service)
//	                      ├─► results: the wire formats of the apps' files, read here
//	                      └─► pictures of documents, small ones kept in a cache
//
// A result is drawn by the actor that made it, so that an app of a lab's own
// that speaks for a known actor is drawn too. Of others the files are listed.
package pages
