// Package demo shows a newcomer the whole loop on sample data through the
// HTTP API of a running server: pictures in, objects found, experts' names
// for half of them, a model trained on those, the other half named by it.
//
//	synth pictures, coins.png ─► /inf ─► /feedback-negative (half) ─► retrain ─► /inf ─► table, PNG
//
// Then it queues tasks of the demo apps over sample documents, as a front end
// does that serves its documents itself:
//
//	sample pictures ─► a port of this process ◄─ fetched by the server's tasks ─► results in the console
//
// It speaks only HTTP, so that what it shows is what any client gets.
package demo
