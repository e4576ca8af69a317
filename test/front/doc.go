// Package front plays the front ends of the demos against a running server, as
// they are used today: the demo front of the first and the third generation
// and the AIKON platform of the second. It serves the pictures that they
// serve, sends the requests that they send, and works inside their callback
// handlers as they do: downloads, unpacking, the next start.
//
//	Demo, Aikon ─► start, status, cancel, monitor, clear ─► the server
//	Front ◄─ pictures, manifests, lists ◄──────────────────── its downloads
//	Front ◄─ callbacks ◄───────────────────────────────────── its outbox
//	  └─► GET data set, document, result from inside the handler
//
// What every front end depends on is checked at once and kept as a fault; the
// front fails its test for each. What a task should find is the test's affair.
package front
